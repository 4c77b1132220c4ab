//! What of an event is sealed: its columns, and hashes of what it says.

use anyhow::{Context as _, Result};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::hash::Hash;
use crate::stored::NewEvent;

/// The columns that [`Leaf::read`] takes. JSON as the text that is stored, the time as the database keeps it: a changed
/// row may hold what no program of ours would write.
macro_rules! leaf_columns {
    () => {
        "position, event_id, aggregate_type, aggregate_id, sequence, event_type, event_version,
         timestamptz_send(recorded_at) as recorded_at, metadata::text as metadata, payload::text as payload"
    };
}
pub(crate) use leaf_columns;

/// From Postgres' epoch to Unix's, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;

/// An event as it is sealed.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub position: i64,
    pub event_id: Uuid,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    /// Microseconds since 1970.
    pub recorded_at: i64,
    pub metadata: Hash,
    pub payload: Hash,
}

impl Leaf {
    /// The same as of its row.
    pub(crate) fn of(event: &NewEvent, metadata: &str, position: i64, recorded_at: i64) -> Self {
        Self {
            position,
            event_id: event.event_id,
            aggregate_type: event.stream.aggregate_type.to_owned(),
            aggregate_id: event.stream.id.to_string(),
            sequence: event.sequence,
            event_type: event.event_type.to_owned(),
            event_version: event.event_version.to_owned(),
            recorded_at,
            metadata: Hash::of(metadata.as_bytes()),
            payload: Hash::of(event.payload.as_bytes()),
        }
    }

    pub(crate) fn read(row: &PgRow) -> Result<Self> {
        let position = row.try_get("position")?;
        Self::read_at(row, position)
            .with_context(|| format!("cannot read the event at position {position}"))
    }

    fn read_at(row: &PgRow, position: i64) -> Result<Self> {
        let recorded_at: &[u8] = row.try_get("recorded_at")?;
        Ok(Self {
            position,
            event_id: row.try_get("event_id")?,
            aggregate_type: row.try_get("aggregate_type")?,
            aggregate_id: row.try_get("aggregate_id")?,
            sequence: row.try_get("sequence")?,
            event_type: row.try_get("event_type")?,
            event_version: row.try_get("event_version")?,
            recorded_at: i64::from_be_bytes(recorded_at.try_into()?).wrapping_add(EPOCH),
            metadata: Hash::of(row.try_get::<&str, _>("metadata")?.as_bytes()),
            payload: Hash::of(row.try_get::<&str, _>("payload")?.as_bytes()),
        })
    }

    pub(crate) fn hash(&self) -> Hash {
        self.hash_at(self.position)
    }

    /// The leaf that it would be at another position.
    pub(crate) fn hash_at(&self, position: i64) -> Hash {
        Hash::of_leaf(&self.data_at(position))
    }

    /// What is hashed.
    pub(crate) fn data(&self) -> Vec<u8> {
        self.data_at(self.position)
    }

    fn data_at(&self, position: i64) -> Vec<u8> {
        // One way to write an event down, and one event to each way: texts with their lengths, the rest in its own.
        let mut data = Vec::with_capacity(256);
        data.push(1);
        data.extend(position.to_be_bytes());
        data.extend(self.event_id.as_bytes());
        text(&mut data, &self.aggregate_type);
        text(&mut data, &self.aggregate_id);
        data.extend(self.sequence.to_be_bytes());
        text(&mut data, &self.event_type);
        text(&mut data, &self.event_version);
        data.extend(self.recorded_at.to_be_bytes());
        data.extend(self.metadata.bytes());
        data.extend(self.payload.bytes());
        data
    }
}

fn text(data: &mut Vec<u8>, text: &str) {
    data.extend((text.len() as u64).to_be_bytes());
    data.extend(text.as_bytes());
}

#[cfg(test)]
mod tests;
