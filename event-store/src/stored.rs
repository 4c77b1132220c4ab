//! Events as the `events` table holds them, and the way back to the domain's.

use chrono::{DateTime, Utc};
use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use domain::Event;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::upcasters::upcasters;

/// A stream's name: the aggregate's type and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// `Aggregate::TYPE`.
    pub aggregate_type: &'static str,
    /// The public id.
    pub id: Uuid,
}

/// An event that is about to be appended.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub stream: StreamKey,
    pub sequence: i64,
    pub event_type: &'static str,
    pub event_version: &'static str,
    pub payload: String,
    pub event_id: Uuid,
}

impl NewEvent {
    /// This event as the stream's next, `sequence`; its id is made here.
    pub(crate) fn of<E: Event>(event: &E, stream: StreamKey, sequence: i64) -> Self {
        Self {
            stream,
            sequence,
            event_type: event.name(),
            event_version: event.version(),
            payload: serde_json::to_string(event).expect("stored events are plain data"),
            event_id: Uuid::now_v7(),
        }
    }
}

/// A row of the log, as it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredEvent {
    /// Place in the log: 1, 2, 3, … in commit order, without a hole.
    pub position: i64,
    /// UUIDv7, made by the writer.
    pub event_id: Uuid,
    /// `product`, `stock`, `order`, `payment`, `account`, `claim` or `session`.
    pub aggregate_type: String,
    /// The public id.
    pub aggregate_id: String,
    /// Place in its aggregate's stream: 1, 2, 3, …
    pub sequence: i64,
    /// The event's name, as in `placed`.
    pub event_type: String,
    /// The version of the payload's shape.
    pub event_version: String,
    /// `{"<event type>": {…}}`.
    pub payload: serde_json::Value,
    /// `actor`, `correlation_id` and perhaps `causation_id` and `traceparent`.
    pub metadata: serde_json::Value,
    /// The database's time; never falls with the position.
    pub recorded_at: DateTime<Utc>,
}

/// What a payload needs to be understood.
pub(crate) struct Raw<'a> {
    pub aggregate_type: &'a str,
    pub aggregate_id: &'a str,
    pub sequence: i64,
    pub event_type: &'a str,
    pub event_version: &'a str,
    pub payload: &'a RawValue,
}

/// A stored event that the code does not understand.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {event}: {reason}")]
pub struct Unreadable {
    event: String,
    reason: String,
}

impl Raw<'_> {
    pub(crate) fn unreadable(&self, reason: &impl ToString) -> Unreadable {
        Unreadable {
            event: format!(
                "event {} ({}, version {}) of {} {}",
                self.sequence,
                self.event_type,
                self.event_version,
                self.aggregate_type,
                self.aggregate_id
            ),
            reason: reason.to_string(),
        }
    }

    /// The domain's event, brought to today's shape by the upcasters where its version is an old one.
    pub(crate) fn decode<E: Event>(&self) -> Result<E, Unreadable> {
        self.decode_with(upcasters())
    }

    pub(crate) fn decode_with<E: Event>(
        &self,
        upcasters: &[Box<dyn EventUpcaster>],
    ) -> Result<E, Unreadable> {
        let current = !upcasters
            .iter()
            .any(|u| u.can_upcast(self.event_type, self.event_version));
        if current {
            return serde_json::from_str(self.payload.get()).map_err(|e| self.unreadable(&e));
        }
        let old = SerializedEvent {
            aggregate_id: self.aggregate_id.to_owned(),
            sequence: usize::try_from(self.sequence).map_err(|e| self.unreadable(&e))?,
            aggregate_type: self.aggregate_type.to_owned(),
            event_type: self.event_type.to_owned(),
            event_version: self.event_version.to_owned(),
            payload: serde_json::from_str(self.payload.get()).map_err(|e| self.unreadable(&e))?,
            metadata: serde_json::Value::Null,
        };
        let new = upcasters.iter().fold(old, |event, upcaster| {
            if upcaster.can_upcast(&event.event_type, &event.event_version) {
                upcaster.upcast(event)
            } else {
                event
            }
        });
        serde_json::from_value(new.payload).map_err(|e| self.unreadable(&e))
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
