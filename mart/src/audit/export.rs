//! The trail as a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use clap::Args;
use event_store::Log;
use read_api::audit::{self, Exported, Filter, Format};
use service::Settings;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{bar, errand};

/// Which events, and how.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// jsonl or csv
    #[arg(long, default_value = "jsonl", value_parser = format)]
    pub format: Format,
    /// Write to this file instead of standard output; one that is there already is gone on with
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    pub output: Option<PathBuf>,
    /// Only positions after this one: to go on where an earlier export ended
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
    /// product, stock, order, payment, account, claim or session
    #[arg(long, value_name = "TYPE")]
    pub aggregate_type: Option<String>,
    /// The aggregate's id
    #[arg(long, value_name = "ID")]
    pub aggregate_id: Option<Uuid>,
    /// What happened, as in `placed`
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// A user's id, `anonymous` or `system`
    #[arg(long)]
    pub actor: Option<String>,
    /// The request that led to it
    #[arg(long, value_name = "ID")]
    pub correlation_id: Option<String>,
    /// Recorded at this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub from: Option<DateTime<Utc>>,
    /// Recorded at this time or earlier (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub to: Option<DateTime<Utc>>,
}

impl Export {
    fn filter(&self, after: Option<u64>) -> Filter {
        Filter {
            aggregate_type: self.aggregate_type.clone(),
            aggregate_id: self.aggregate_id,
            event_type: self.event_type.clone(),
            actor: self.actor.clone(),
            correlation_id: self.correlation_id.clone(),
            from: self.from,
            to: self.to,
            after,
            ..Filter::default()
        }
    }
}

/// Writes the trail; what cuts it short leaves whole lines, and says where to go on.
pub(super) async fn run(
    settings: &Settings,
    what: &Export,
    signalled: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let (after, writer): (_, Box<dyn Write + Send>) = match &what.output {
        None => (what.after, Box::new(BufWriter::new(io::stdout()))),
        Some(path) => {
            let opened = open(path, what.format);
            let (after, file) =
                opened.with_context(|| format!("can't go on with {}", path.display()))?;
            (after, Box::new(BufWriter::new(file)))
        }
    };
    let exported = errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        let bar = bar::events("export");
        let mut last = Exported {
            after: after.map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX)),
            ..Exported::default()
        };
        let progress = |so_far: Exported| {
            bar::show(&bar, so_far.after, so_far.head);
            last = so_far;
        };
        let filter = what.filter(after);
        let exported = tokio::select! {
            exported = audit::export(&log, &filter, what.format, writer, progress) => exported.map(Some),
            () = signalled.cancelled() => Ok(None),
        };
        bar.finish_and_clear();
        match exported {
            Ok(Some(exported)) => Ok(exported),
            Ok(None) if what.output.is_some() => Err(anyhow::anyhow!("cut short; once more goes on")),
            Ok(None) => Err(anyhow::anyhow!("cut short; go on with --after {}", last.after)),
            Err(error) if is_nobody_there(&error) => Ok(last),
            Err(error) => Err(error.context(format!("cut short after position {}", last.after))),
        }
    })
    .await?;
    eprintln!(
        "mart: {} events, up to position {}",
        exported.events, exported.after
    );
    Ok(ExitCode::SUCCESS)
}

/// Whoever read the output has had enough, as `head` has.
fn is_nobody_there(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// The file, at the end of its last whole line, and the position there.
fn open(path: &Path, format: Format) -> anyhow::Result<(Option<u64>, File)> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let (mut whole, mut last) = (0, None);
    let mut lines = BufReader::new(&file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)?;
        // What was cut short may end within a character.
        if !line.ends_with(b"\n") {
            break;
        }
        number += 1;
        whole += u64::try_from(length)?;
        if format == Format::Csv && number == 1 {
            // The heading alone is an export that has just begun.
            last = Some(0);
            continue;
        }
        last = position(std::str::from_utf8(&line).unwrap_or_default(), format);
        ensure!(
            last.is_some(),
            "line {number} is none of an export in this format"
        );
    }
    drop(lines);
    file.set_len(whole)?;
    file.seek(io::SeekFrom::Start(whole))?;
    Ok((last, file))
}

fn position(line: &str, format: Format) -> Option<u64> {
    match format {
        Format::JsonLines => {
            serde_json::from_str::<serde_json::Value>(line).ok()?["position"].as_u64()
        }
        Format::Csv => line.split(',').next()?.parse().ok(),
    }
}

fn format(text: &str) -> Result<Format, &'static str> {
    Format::from_str(text).map_err(|_| "must be jsonl or csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_gone_on_with_after_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail");
        for (held, format, after, kept) in [
            ("", Format::JsonLines, None, ""),
            (
                "{\"position\":7}\n{\"posi",
                Format::JsonLines,
                Some(7),
                "{\"position\":7}\n",
            ),
            (
                "position,event_id\n",
                Format::Csv,
                Some(0),
                "position,event_id\n",
            ),
            (
                "position,event_id\n3,a\n12",
                Format::Csv,
                Some(3),
                "position,event_id\n3,a\n",
            ),
        ] {
            std::fs::write(&path, held).unwrap();
            let (found, mut file) = open(&path, format).unwrap();
            file.write_all(b"x").unwrap();
            assert_eq!(found, after);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept}x"));
        }
        std::fs::write(&path, b"{\"position\":7}\n{\"city\":\"K\xc3").unwrap();
        assert_eq!(open(&path, Format::JsonLines).unwrap().0, Some(7));
        std::fs::write(&path, "something else\n").unwrap();
        assert!(open(&path, Format::JsonLines).is_err());
    }
}
