//! The audit trail as a file: JSON lines, or CSV.
//!
//! Both are written page by page, in log order, and end where the log ended when the export began. Whoever breaks off
//! goes on with `after`, the position on the last whole line; a CSV that goes on has no heading of its own, so that the
//! parts put together are one file.
//!
//! JSON lines are the faithful form. In CSV a cell that a spreadsheet would take for a formula (one that begins with
//! `=`, `+`, `-`, `@`, a tab or a carriage return) gets a `'` before it: a caller may name its request as it likes, and
//! whoever audits it opens the file.

use std::{borrow::Cow, io::Write, str::FromStr};

use anyhow::{Context as _, Result};
use chrono::SecondsFormat;
use event_store::Log;

use super::{AuditEntry, Filter, select};

/// How many events are read at once.
const PAGE: i64 = 1_000;

/// The names of the columns, as those of the answer's fields.
const HEADING: [&str; 11] = [
    "position",
    "event_id",
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "event_type",
    "recorded_at",
    "actor",
    "correlation_id",
    "causation_id",
    "payload",
];

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// One event a line, as `GET /audit` answers it.
    #[default]
    JsonLines,
    /// RFC 4180, with a heading; the payload as JSON text.
    Csv,
}

/// Neither `jsonl` nor `csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownFormat;

/// How far an export is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many events were written.
    pub events: u64,
    /// Where to go on: everything up to this position is written, or was not asked for.
    pub after: i64,
    /// Where it ends.
    pub head: i64,
}

/// Writes every event that the filter lets pass; `filter.limit` is of no account. `progress` hears of each page that was
/// written and flushed, and at last of the end.
pub async fn export(
    log: &Log,
    filter: &Filter,
    format: Format,
    mut writer: impl Write,
    mut progress: impl FnMut(Exported),
) -> Result<Exported> {
    let head = log.head().await?;
    let mut range = select::range(log.pool(), filter)
        .await
        .context("cannot read the log")?;
    range.through = range.through.min(head);
    let mut so_far = Exported {
        events: 0,
        after: range.after,
        head: range.through,
    };
    if format == Format::Csv && filter.after.is_none() {
        write_page(&mut writer, |page| page.write_record(HEADING))?;
    }
    loop {
        let entries = select::page(log.pool(), filter, range, PAGE)
            .await
            .context("cannot read the log")?;
        let Some(last) = entries.last() else {
            break;
        };
        range.after = last.position;
        match format {
            Format::JsonLines => write_lines(&mut writer, &entries)?,
            Format::Csv => write_page(&mut writer, |page| {
                entries.iter().try_for_each(|entry| write_row(page, entry))
            })?,
        }
        so_far.events += entries.len() as u64;
        so_far.after = range.after;
        progress(so_far);
    }
    so_far.after = so_far.after.max(so_far.head);
    progress(so_far);
    Ok(so_far)
}

fn write_lines(writer: &mut impl Write, entries: &[AuditEntry]) -> Result<()> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    writer.write_all(&lines)?;
    Ok(writer.flush()?)
}

/// A page is made whole before it is written, so that what a pipe refuses is told as what it is.
fn write_page(
    writer: &mut impl Write,
    rows: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>,
) -> Result<()> {
    let mut page = csv::Writer::from_writer(Vec::new());
    rows(&mut page)?;
    writer.write_all(&page.into_inner()?)?;
    Ok(writer.flush()?)
}

fn write_row(page: &mut csv::Writer<Vec<u8>>, entry: &AuditEntry) -> csv::Result<()> {
    let cells = [
        &entry.position.to_string(),
        &entry.event_id.to_string(),
        &entry.aggregate_type,
        &entry.aggregate_id,
        &entry.sequence.to_string(),
        &entry.event_type,
        &entry
            .recorded_at
            .to_rfc3339_opts(SecondsFormat::Micros, true),
        &entry.actor,
        &entry.correlation_id,
        &entry.causation_id,
        &entry.payload.to_string(),
    ];
    page.write_record(cells.map(|cell| harmless(cell).into_owned()))
}

/// No spreadsheet takes this for a formula.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "jsonl" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err(UnknownFormat),
        }
    }
}

impl std::fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("must be jsonl or csv")
    }
}

impl std::error::Error for UnknownFormat {}
