//! An event as a record: key, value and headers (`CloudEvents`, binary mode), and back.

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::Published;
use proto::Topic;
use rdkafka::message::{Header, OwnedHeaders};
use uuid::Uuid;

/// What is the same of an event's records, whichever topics they are on: all but the partition and `previous`.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    key: [u8; 36],
    value: Vec<u8>,
    /// The headers whose values differ from event to event, one after the other.
    texts: String,
    ends: [usize; 9],
    kind: &'static str,
    source: &'static str,
    timestamp: i64,
}

/// Why a record does not say what happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    /// Of the event that it is about, where that much can be read.
    pub position: Option<i64>,
    /// Position of the record before it in its partition, where that much can be read.
    pub previous: Option<i64>,
    /// What is wrong with it.
    pub reason: String,
}

impl Record {
    /// Of this event of the log that has this id.
    #[must_use]
    pub fn new(event: &Published, log: Uuid) -> Self {
        let mut key = [0; 36];
        event.aggregate_id.hyphenated().encode_lower(&mut key);
        let mut texts = String::with_capacity(256);
        let mut ends = [0; 9];
        let (mut id, mut of) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        let parts = [
            &*event.event_id.hyphenated().encode_lower(&mut id),
            &event
                .recorded_at
                .to_rfc3339_opts(SecondsFormat::Micros, true),
            log.hyphenated().encode_lower(&mut of),
            &event.position.to_string(),
            &event.sequence.to_string(),
            &event.actor,
            &event.correlation_id,
            &event.traceparent,
        ];
        for (part, end) in parts.into_iter().zip(&mut ends[1..]) {
            texts.push_str(part);
            *end = texts.len();
        }
        Self {
            key,
            value: event.message.encode(),
            texts,
            ends,
            kind: event.message.type_name().unwrap_or_default(),
            source: source(event.message.topic()),
            timestamp: event.recorded_at.timestamp_millis(),
        }
    }

    /// The aggregate's id as text.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The message's protobuf.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// When it was recorded, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// About how much memory a producer needs for it.
    #[must_use]
    pub fn size(&self) -> usize {
        // Names and fixed values of headers, and the producer's own bookkeeping.
        self.key.len() * 2 + self.value.len() + self.texts.len() + 512
    }

    /// Its headers, in their order; `previous` is the position of the record before it in its partition, 0 where it is
    /// the first.
    #[must_use]
    pub fn headers<'a>(&'a self, previous: &'a str) -> [(&'static str, &'a [u8]); 14] {
        let text = |part: usize| &self.texts.as_bytes()[self.ends[part]..self.ends[part + 1]];
        [
            ("ce_specversion", b"1.0"),
            ("ce_id", text(0)),
            ("ce_source", self.source.as_bytes()),
            ("ce_type", self.kind.as_bytes()),
            ("ce_subject", &self.key),
            ("ce_time", text(1)),
            ("content-type", b"application/protobuf"),
            ("log", text(2)),
            ("position", text(3)),
            ("sequence", text(4)),
            ("previous", previous.as_bytes()),
            ("actor", text(5)),
            ("correlation-id", text(6)),
            ("traceparent", text(7)),
        ]
    }

    /// The same as a producer takes them.
    #[must_use]
    pub fn owned_headers(&self, previous: i64) -> OwnedHeaders {
        let previous = previous.to_string();
        let headers = self.headers(&previous);
        let owned = OwnedHeaders::new_with_capacity(headers.len());
        headers.into_iter().fold(owned, |owned, (key, value)| {
            let value = Some(value);
            owned.insert(Header { key, value })
        })
    }

    /// The id of the log that a record is of, where it says so.
    pub fn log<'a>(headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Option<Uuid> {
        let mut headers = headers.into_iter();
        let (_, id) = headers.find(|(name, _)| *name == "log")?;
        Uuid::try_parse_ascii(id?).ok()
    }

    /// The event in a record of this topic, and the position of the record before it in its partition.
    pub fn read<'a>(
        topic: Topic,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<(Published, i64), Unreadable> {
        let found = Found::among(headers);
        let read = found.event(topic, key, value);
        read.map_err(|reason| Unreadable {
            position: number("position", found.position).ok(),
            previous: number("previous", found.previous).ok(),
            reason,
        })
    }
}

/// The headers that an event is made from.
#[derive(Default)]
struct Found<'a> {
    id: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    position: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
    previous: Option<&'a [u8]>,
    actor: Option<&'a [u8]>,
    correlation_id: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn among(headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let place = match name {
                "ce_id" => &mut found.id,
                "ce_time" => &mut found.time,
                "position" => &mut found.position,
                "sequence" => &mut found.sequence,
                "previous" => &mut found.previous,
                "actor" => &mut found.actor,
                "correlation-id" => &mut found.correlation_id,
                "traceparent" => &mut found.traceparent,
                _ => continue,
            };
            *place = value;
        }
        found
    }

    fn event(
        &self,
        topic: Topic,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(Published, i64), String> {
        let position = number("position", self.position)?;
        let previous = number("previous", self.previous)?;
        if position < 1 || previous < 0 || previous >= position {
            return Err(format!(
                "its position {position} does not follow {previous}"
            ));
        }
        let time = text("ce_time", self.time)?;
        let recorded_at = DateTime::parse_from_rfc3339(time)
            .map_err(|_| "its ce_time is no time".to_owned())?
            .with_timezone(&Utc);
        let value = value.ok_or("it has no value")?;
        let message = topic
            .decode(value)
            .map_err(|error| format!("its value is no message of {}: {error}", topic.name()))?;
        if message.type_name().is_none() {
            return Err("its message is of a kind that this program does not know".to_owned());
        }
        let event = Published {
            position,
            event_id: uuid("ce_id", self.id)?,
            aggregate_id: uuid("key", key)?,
            sequence: number("sequence", self.sequence)?,
            recorded_at,
            actor: text("actor", self.actor)?.to_owned(),
            correlation_id: text("correlation-id", self.correlation_id)?.to_owned(),
            traceparent: text("traceparent", self.traceparent)?.to_owned(),
            message,
        };
        Ok((event, previous))
    }
}

fn number(name: &str, value: Option<&[u8]>) -> Result<i64, String> {
    let number = text(name, value)?.parse();
    number.map_err(|_| format!("its {name} is no number"))
}

fn text<'a>(name: &str, value: Option<&'a [u8]>) -> Result<&'a str, String> {
    let value = value.ok_or_else(|| format!("it has no {name}"))?;
    std::str::from_utf8(value).map_err(|_| format!("its {name} is no text"))
}

fn uuid(name: &str, value: Option<&[u8]>) -> Result<Uuid, String> {
    let value = value.ok_or_else(|| format!("it has no {name}"))?;
    Uuid::try_parse_ascii(value).map_err(|_| format!("its {name} is no UUID"))
}

fn source(topic: Topic) -> &'static str {
    match topic.context() {
        Topic::Product => "/online-mart/product",
        Topic::Inventory => "/online-mart/inventory",
        Topic::Order | Topic::OrderCreated => "/online-mart/order",
        Topic::User | Topic::UserRegistration => "/online-mart/user",
        Topic::Payment | Topic::PaymentDone => "/online-mart/payment",
    }
}

#[cfg(test)]
mod tests;
