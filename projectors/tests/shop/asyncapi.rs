//! What the `AsyncAPI` document says of the mirror is what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use projectors::mirror::{Kafka, Record, topics};
use projectors::projections;
use proto::Topic;
use serde_json::{Value, json};

use crate::golden::{messages, proto, type_name};
use crate::messages::{id, placed, published};

fn document() -> Value {
    let text = fs::read_to_string(proto().join("asyncapi.yaml")).expect("the document");
    yaml_serde::from_str(&text).expect("YAML")
}

/// What a `$ref` stands for, where it is one.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("of this document");
            let found = document.pointer(pointer);
            found.unwrap_or_else(|| panic!("{reference} is not there"))
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("a map").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The channels' addresses, and the names of the messages on each.
fn channels(document: &Value) -> BTreeMap<&str, Vec<String>> {
    entries(&document["channels"])
        .map(|(id, channel)| {
            assert_eq!(id, text(&channel["address"]), "a channel is its address");
            let messages = entries(&channel["messages"]);
            let names = messages.map(|(_, m)| text(&resolved(document, m)["name"]).to_owned());
            (id.as_str(), names.collect())
        })
        .collect()
}

#[test]
fn its_channels_are_the_topics() {
    let (document, kafka) = (document(), Kafka::new("nowhere:9092"));
    let wanted = topics::all(&kafka);
    let expected: BTreeMap<&str, i64> = wanted
        .iter()
        .map(|topic| (topic.name.as_str(), topic.partitions.into()))
        .collect();
    let found: BTreeMap<&str, i64> = entries(&document["channels"])
        .map(|(id, channel)| {
            let bindings = resolved(&document, &channel["bindings"]);
            let kafka = &bindings["kafka"];
            let settings =
                json!({"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1});
            assert_eq!(kafka["topicConfiguration"], settings, "{id}");
            (id.as_str(), kafka["partitions"].as_i64().expect("a number"))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_message_is_on_its_topics_and_nowhere_else() {
    let document = document();
    let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for message in messages() {
        for topic in message.topics() {
            let names = expected.entry(topic.name()).or_default();
            names.insert(type_name(&message));
        }
    }
    for (address, names) in channels(&document) {
        let once: BTreeSet<String> = names.iter().cloned().collect();
        assert_eq!(once.len(), names.len(), "{address} names a message twice");
        match expected.remove(address) {
            Some(expected) => assert_eq!(once, expected, "{address}"),
            None => assert_eq!(names, ["DeadLetter"], "{address}"),
        }
    }
    assert!(expected.is_empty(), "no channel for {expected:?}");

    let known = entries(&document["components"]["messages"]);
    let known: Vec<&str> = known.map(|(_, message)| text(&message["name"])).collect();
    assert_eq!(
        known.len(),
        messages().len() + 1,
        "one each, and dead letters"
    );
}

#[test]
fn each_message_is_described_by_its_proto_file() {
    let document = document();
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let Some(file) = schema.get("x-file") else {
            assert!(name.ends_with("Headers"), "{name}");
            continue;
        };
        let file = fs::read_to_string(proto().join(text(file))).expect("its file");
        assert_eq!(text(&schema["schema"]), file, "{name}");
        assert_eq!(
            text(&schema["schemaFormat"]),
            "application/vnd.google.protobuf;version=3"
        );
    }
    for message in messages() {
        let name = type_name(&message);
        let (package, short) = name.rsplit_once('.').expect("a full name");
        let described = &document["components"]["messages"][short];
        assert_eq!(text(&described["name"]), name);
        let schema = resolved(&document, &described["payload"]);
        let (of, wrapper) = text(&schema["x-message"]).rsplit_once('.').expect("a name");
        assert_eq!(of, package);
        let file = text(&schema["schema"]);
        for declared in [
            format!("package {package};"),
            format!("message {wrapper} {{"),
            format!("message {short} {{"),
        ] {
            assert!(file.contains(&declared), "{declared} of {name}");
        }
    }
}

#[test]
fn its_headers_are_those_of_the_records() {
    let document = document();
    let event = published(7, id(1), 1, placed(id(2), id(3), 1, 1_999));
    let record = Record::new(&event, id(9));
    let sent = record.headers("0");
    for message in messages() {
        let name = type_name(&message);
        let short = name.rsplit('.').next().expect("a name");
        let traits = &document["components"]["messages"][short]["traits"];
        let record = resolved(&document, &traits[0]);
        let headers = resolved(&document, &record["headers"]);
        let names: Vec<&str> = sent.iter().map(|(name, _)| *name).collect();
        assert_eq!(headers["required"], json!(names), "in their order");
        let described: BTreeSet<&str> = entries(&headers["properties"])
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(described, names.into_iter().collect());
        assert_eq!(text(&record["contentType"]), "application/protobuf");
    }
    let described = &document["components"]["schemas"]["RecordHeaders"]["properties"];
    for (name, value) in sent {
        let value = std::str::from_utf8(value).expect("a text");
        fits(name, &described[name], value);
    }
    for message in messages() {
        let record = Record::new(&published(7, id(1), 1, message), id(9));
        let source = record.headers("0").into_iter().find(|h| h.0 == "ce_source");
        let source = source.and_then(|(_, value)| std::str::from_utf8(value).ok());
        let sources = described["ce_source"]["enum"].as_array().expect("a list");
        assert!(
            sources.iter().any(|one| one.as_str() == source),
            "{source:?}"
        );
    }
}

/// The value is such as its schema says.
fn fits(name: &str, schema: &Value, value: &str) {
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    assert_eq!(text(&schema["type"]), "string", "{name}");
    if let Some(only) = schema.get("const") {
        assert_eq!(text(only), value, "{name}");
    }
    let format = schema.get("format").or(schema.get("pattern"));
    let fits = match format.and_then(Value::as_str) {
        None => !value.is_empty(),
        Some("uuid") => uuid::Uuid::try_parse(value).is_ok_and(|id| id.to_string() == value),
        Some("date-time") => {
            chrono::DateTime::parse_from_rfc3339(value).is_ok()
                && value.len() == "2026-01-02T03:04:05.678901Z".len()
                && value.ends_with('Z')
        }
        Some("^[1-9][0-9]*$") => !value.starts_with('0') && digits(value),
        Some("^(0|[1-9][0-9]*)$") => value == "0" || (!value.starts_with('0') && digits(value)),
        Some("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$") => {
            event_store::traceparent(value).is_some()
        }
        Some(other) => panic!("{name} is described by {other}"),
    };
    assert!(fits, "{name}: {value}");
}

#[test]
fn its_operations_are_the_relays_and_the_projections() {
    let document = document();
    let mut expected = BTreeSet::new();
    for topic in Topic::ALL {
        expected.insert(("send", topic.name().to_owned(), String::new()));
    }
    for projection in projections() {
        for topic in projection.topics() {
            let group = projection.name();
            expected.insert(("receive", topic.name().to_owned(), group.to_owned()));
            let letters = topics::dead_letters(*topic, group);
            expected.insert(("send", letters, String::new()));
        }
    }
    let mut found = BTreeSet::new();
    for (id, operation) in entries(&document["operations"]) {
        let channel = resolved(&document, &operation["channel"]);
        let group = operation.pointer("/bindings/kafka/groupId/const");
        let group = group.map_or("", text).to_owned();
        let operation = (
            text(&operation["action"]),
            text(&channel["address"]).to_owned(),
            group,
        );
        assert!(found.insert(operation), "{id} is said twice");
    }
    assert_eq!(found, expected);
}
