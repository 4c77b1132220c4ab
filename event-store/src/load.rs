//! Loading one aggregate: its stream, folded.

use anyhow::Result;
use domain::Aggregate;
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::cache::Entry;
use crate::stored::{Raw, StreamKey, Unreadable};
use crate::unit::Missing;

/// The rows of one stream, in order.
pub(crate) struct Stream<'a> {
    key: StreamKey,
    id: &'a str,
    rows: &'a [PgRow],
}

/// Reads and folds what a decision missed.
pub(crate) async fn load(pool: &PgPool, missing: &Missing) -> Result<Entry> {
    let id = missing.key.id.to_string();
    let rows = sqlx::query(
        "select position, sequence, event_type, event_version, payload from events
         where aggregate_type = $1 and aggregate_id = $2 order by sequence",
    )
    .bind(missing.key.aggregate_type)
    .bind(&id)
    .fetch_all(pool)
    .await?;
    let mut stream = Stream {
        key: missing.key,
        id: &id,
        rows: &rows,
    };
    Ok((missing.fold)(&mut stream)?)
}

/// Folds a stream into the aggregate's state.
pub(crate) fn fold<A: Aggregate>(stream: &mut Stream<'_>) -> Result<Entry, Unreadable> {
    let mut state = A::default();
    let mut longest = 0;
    for (row, sequence) in stream.rows.iter().zip(1..) {
        let payload: &RawValue = row.get("payload");
        let raw = Raw {
            aggregate_type: stream.key.aggregate_type,
            aggregate_id: stream.id,
            sequence: row.get("sequence"),
            event_type: row.get("event_type"),
            event_version: row.get("event_version"),
            payload,
        };
        if raw.sequence != sequence {
            return Err(raw.unreadable(&format!("event {sequence} is missing")));
        }
        longest = longest.max(payload.get().len());
        state.evolve(&raw.decode()?);
    }
    let last = i64::try_from(stream.rows.len()).expect("fewer events than 2^63");
    let first = stream.rows.first().map(|row| row.get("position"));
    let mut entry = Entry::new(state, last, first);
    entry.seen = stream.rows.last().map_or(0, |row| row.get("position"));
    entry.weight += longest as u64;
    Ok(entry)
}
