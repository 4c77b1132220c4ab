//! What was stored once is understood for ever: each event is kept as it was stored, and as it was published.

mod samples;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::{Aggregate, Event, account, claim, order, payment, product, session, stock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::to_raw_value;
use uuid::{Uuid, uuid};

use super::Raw;
use crate::publish::publish;
use crate::upcasters::upcasters;

const STREAM: Uuid = uuid!("0192f0c1-2345-7abc-8def-000000000001");

/// A kept event, in a file `<aggregate type>.<event type>.v<version>.json`, or `….<what is special>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    aggregate_type: String,
    event_type: String,
    event_version: String,
    /// As the column holds it.
    payload: Value,
    /// Where the payload is of an older shape: what it becomes today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    today: Option<Value>,
    /// The record's value in hexadecimal digits; none where it is nobody else's business. What an older shape left to
    /// another event of its stream is blank here: the log adds it.
    published: Option<String>,
}

impl Golden {
    /// How an event is stored and published today.
    fn of<A: Aggregate>(event: &A::Event) -> Self {
        let mut golden = Self {
            aggregate_type: A::TYPE.to_owned(),
            event_type: event.name().to_owned(),
            event_version: event.version().to_owned(),
            payload: serde_json::to_value(event).expect("stored events are plain data"),
            today: None,
            published: None,
        };
        golden.published = golden.message();
        golden
    }

    fn raw<T>(&self, read: impl FnOnce(&Raw<'_>) -> T) -> T {
        let payload = to_raw_value(&self.payload).expect("JSON");
        read(&Raw {
            aggregate_type: &self.aggregate_type,
            aggregate_id: &STREAM.to_string(),
            sequence: 1,
            event_type: &self.event_type,
            event_version: &self.event_version,
            payload: &payload,
        })
    }

    fn message(&self) -> Option<String> {
        let message = self.raw(publish).expect("it is understood");
        message.map(|message| hex(&message.encode()))
    }

    fn decode<E: Event>(&self) -> E {
        self.raw(|raw| raw.decode().expect("it is understood"))
    }

    fn is_of_an_older_shape(&self) -> bool {
        upcasters()
            .iter()
            .any(|u| u.can_upcast(&self.event_type, &self.event_version))
    }

    /// The payload that today's code would store for what it reads from this one.
    fn stored_again(&self) -> Value {
        match self.aggregate_type.as_str() {
            product::Product::TYPE => self.stored_again_as::<product::Event>(),
            stock::Stock::TYPE => self.stored_again_as::<stock::Event>(),
            order::Order::TYPE => self.stored_again_as::<order::Event>(),
            payment::Payment::TYPE => self.stored_again_as::<payment::Event>(),
            account::Account::TYPE => self.stored_again_as::<account::Event>(),
            claim::Claim::TYPE => self.stored_again_as::<claim::Event>(),
            session::Session::TYPE => self.stored_again_as::<session::Event>(),
            other => panic!("no such aggregate type: {other}"),
        }
    }

    fn stored_again_as<E: Event>(&self) -> Value {
        serde_json::to_value(self.decode::<E>()).expect("stored events are plain data")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Every kept event by its file's name.
fn kept() -> BTreeMap<String, Golden> {
    let files = fs::read_dir(folder()).expect("the kept events");
    files
        .map(|file| {
            let path = file.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.expect("a plain name").to_owned();
            let text = fs::read_to_string(&path).expect("text");
            let golden = serde_json::from_str(&text);
            let golden = golden.unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, golden)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 0xf];
    let digits = bytes.iter().flat_map(digits);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn each_event_is_stored_and_published_as_it_always_was() {
    let kept = kept();
    for (name, sample) in samples::all() {
        let Some(golden) = kept.get(&name) else {
            let sample = serde_json::to_string_pretty(&sample).expect("JSON");
            panic!("golden/{name} is missing; the sample is:\n{sample}");
        };
        assert_eq!(sample, *golden, "golden/{name}");
    }
}

#[test]
fn each_kept_event_is_understood_and_means_what_it_meant() {
    for (name, golden) in kept() {
        let expected = golden.today.as_ref().unwrap_or(&golden.payload);
        assert_eq!(golden.stored_again(), *expected, "golden/{name}");
        assert_eq!(golden.message(), golden.published, "golden/{name}");
    }
}

#[test]
fn an_event_that_is_stored_no_longer_has_a_way_to_todays_shape() {
    let samples = samples::all();
    for (name, golden) in kept() {
        let stored_today = samples.contains_key(&name);
        assert_ne!(
            stored_today,
            golden.is_of_an_older_shape(),
            "golden/{name} is stored today, or an upcaster is for it: one of both"
        );
        assert_eq!(stored_today, golden.today.is_none(), "golden/{name}");
    }
}

#[test]
fn each_way_from_an_older_shape_has_a_kept_event_that_goes_it() {
    let kept = kept();
    for (place, upcaster) in upcasters().iter().enumerate() {
        let goes_it = |golden: &&Golden| {
            upcaster.can_upcast(&golden.event_type, &golden.event_version) && golden.today.is_some()
        };
        assert!(
            kept.values().any(|golden| goes_it(&golden)),
            "no kept event is for the upcaster {place} of the list"
        );
    }
}

#[test]
fn a_kept_event_is_named_by_what_it_is() {
    for (name, golden) in kept() {
        let expected = format!(
            "{}.{}.v{}.",
            golden.aggregate_type, golden.event_type, golden.event_version
        );
        assert!(name.starts_with(&expected), "golden/{name} is {expected}");
        let tags: Vec<_> = golden.payload.as_object().expect("tagged").keys().collect();
        assert_eq!(tags, [&golden.event_type], "golden/{name}");
    }
}
