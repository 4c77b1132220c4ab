use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use domain::stock;
use serde_json::value::RawValue;

use super::Raw;

/// A made-up past: version 0 of `opened` called the level `units`.
struct UnitsBecameLevel;

impl EventUpcaster for UnitsBecameLevel {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        (event_type, event_version) == ("opened", "0")
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        let opened = &mut event.payload["opened"];
        opened["level"] = opened["units"].take();
        opened.as_object_mut().expect("an object").remove("units");
        event.event_version = "1".into();
        event
    }
}

const PRODUCT: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

fn decode(version: &str, payload: &str) -> Result<stock::Event, super::Unreadable> {
    let payload = RawValue::from_string(payload.into()).expect("JSON");
    Raw {
        aggregate_type: "stock",
        aggregate_id: PRODUCT,
        sequence: 1,
        event_type: "opened",
        event_version: version,
        payload: &payload,
    }
    .decode_with(&[Box::new(UnitsBecameLevel)])
}

#[test]
fn an_event_of_today_is_read_as_it_stands() {
    let event = decode(
        "1",
        &format!(r#"{{"opened":{{"product_id":"{PRODUCT}","level":7}}}}"#),
    )
    .unwrap();
    assert!(matches!(event, stock::Event::Opened { level, .. } if level.get() == 7));
}

#[test]
fn an_event_of_an_older_shape_goes_through_its_upcaster() {
    let event = decode(
        "0",
        &format!(r#"{{"opened":{{"product_id":"{PRODUCT}","units":7}}}}"#),
    )
    .unwrap();
    assert!(matches!(event, stock::Event::Opened { level, .. } if level.get() == 7));
}

#[test]
fn an_event_that_nobody_understands_says_which_it_is() {
    let error = decode("1", r#"{"opened":{}}"#).unwrap_err().to_string();
    assert!(
        error.contains("event 1 (opened, version 1) of stock 0192f0c1"),
        "{error}"
    );
}
