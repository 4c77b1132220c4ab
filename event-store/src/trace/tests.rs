use uuid::{Uuid, uuid};

use super::{of_event, traceparent};
use crate::context::Metadata;

const EVENT: Uuid = uuid!("0192f0c1-2345-7abc-8def-0123456789ab");
const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn metadata(correlation_id: &str, sent: Option<&str>) -> Metadata {
    Metadata {
        actor: "system".to_owned(),
        correlation_id: correlation_id.to_owned(),
        causation_id: None,
        traceparent: sent.map(str::to_owned),
    }
}

#[test]
fn a_header_is_taken_only_as_the_standard_writes_it() {
    assert_eq!(traceparent(SENT).as_deref(), Some(SENT));
    for wrong in [
        "",
        "00",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-00",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01",
    ] {
        assert_eq!(traceparent(wrong), None, "{wrong}");
    }
}

#[test]
fn an_event_is_a_span_of_the_callers_trace() {
    let event = of_event(&metadata(&EVENT.to_string(), Some(SENT)), EVENT);
    assert_eq!(
        event,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-03fd18055e8ecf9c-00"
    );
}

#[test]
fn an_event_of_a_request_without_a_trace_is_a_span_of_the_request() {
    let request = "5f0c2a3e-0000-4000-8000-00000000002a";
    let event = of_event(&metadata(request, None), EVENT);
    assert!(
        event.starts_with("00-5f0c2a3e00004000800000000000002a-"),
        "{event}"
    );
    assert_eq!(traceparent(&event).as_deref(), Some(event.as_str()));
    // What is stored by something else may be anything.
    assert_eq!(of_event(&metadata(request, Some("no trace")), EVENT), event);
}

#[test]
fn a_correlation_id_of_any_text_has_a_trace_too() {
    let traces: Vec<String> = ["", "a call", "00000000-0000-0000-0000-000000000000"]
        .map(|text| of_event(&metadata(text, None), EVENT))
        .into();
    for trace in &traces {
        assert!(traceparent(trace).is_some(), "{trace}");
    }
    assert!(traces[0] != traces[1] && traces[1] != traces[2]);
    assert_eq!(of_event(&metadata("a call", None), EVENT), traces[1]);
}
