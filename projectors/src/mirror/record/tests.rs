use proto::Message;
use proto::order::v1::{OrderCompleted, OrderEvent, order_event};

use super::*;

const LOG: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00EF);

fn event() -> Published {
    Published {
        position: 1_234,
        event_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00AB),
        aggregate_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00CD),
        sequence: 3,
        recorded_at: DateTime::from_timestamp_micros(1_767_225_600_000_120).expect("a time"),
        actor: "system".to_owned(),
        correlation_id: "a walk".to_owned(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        message: Message::Order(OrderEvent {
            event: Some(order_event::Event::Completed(OrderCompleted::default())),
        }),
    }
}

fn read(
    record: &Record,
    leave_out: &str,
    value: Option<&[u8]>,
) -> Result<(Published, i64), Unreadable> {
    let headers = record.headers("1200");
    let headers = headers.into_iter().filter(|(name, _)| *name != leave_out);
    let headers = headers.map(|(name, value)| (name, Some(value)));
    Record::read(Topic::Order, Some(record.key()), value, headers)
}

#[test]
fn a_record_is_exactly_this() {
    let record = Record::new(&event(), LOG);
    let headers = record.headers("1200");
    let headers = headers.map(|(name, value)| (name, str::from_utf8(value).expect("text")));
    assert_eq!(
        headers,
        [
            ("ce_specversion", "1.0"),
            ("ce_id", "01900000-0000-7000-8000-0000000000ab"),
            ("ce_source", "/online-mart/order"),
            ("ce_type", "mart.order.v1.OrderCompleted"),
            ("ce_subject", "01900000-0000-7000-8000-0000000000cd"),
            ("ce_time", "2026-01-01T00:00:00.000120Z"),
            ("content-type", "application/protobuf"),
            ("log", "01900000-0000-7000-8000-0000000000ef"),
            ("position", "1234"),
            ("sequence", "3"),
            ("previous", "1200"),
            ("actor", "system"),
            ("correlation-id", "a walk"),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            ),
        ]
    );
    assert_eq!(record.key(), b"01900000-0000-7000-8000-0000000000cd");
    assert_eq!(record.value(), event().message.encode());
    assert_eq!(record.timestamp(), 1_767_225_600_000);
}

#[test]
fn what_is_read_is_what_was_written() {
    let record = Record::new(&event(), LOG);
    let (read, previous) = read(&record, "", Some(record.value())).expect("it is whole");
    assert_eq!(previous, 1_200);
    assert_eq!(format!("{read:?}"), format!("{:?}", event()));
}

#[test]
fn an_unreadable_record_says_why_and_where_it_stands() {
    let record = Record::new(&event(), LOG);
    let unreadable = |reason: &str| Unreadable {
        position: Some(1_234),
        previous: Some(1_200),
        reason: reason.to_owned(),
    };
    let refused = |leave_out, value| read(&record, leave_out, value).expect_err("not whole");
    let value = Some(record.value());
    assert_eq!(refused("ce_id", value), unreadable("it has no ce_id"));
    assert_eq!(refused("", None), unreadable("it has no value"));
    assert_eq!(
        refused("", Some(b"")),
        unreadable("its message is of a kind that this program does not know")
    );
    let garbage = refused("", Some(b"\xff\xff")).reason;
    assert!(
        garbage.starts_with("its value is no message of order: "),
        "{garbage}"
    );
    assert_eq!(refused("previous", value).previous, None);
    assert_eq!(refused("previous", value).position, Some(1_234));
}

#[test]
fn a_record_of_somebody_else_is_unreadable() {
    let stranger = Record::read(Topic::Order, None, Some(b"hello"), []).expect_err("no headers");
    assert_eq!(stranger.position, None);
    assert_eq!(stranger.reason, "it has no position");
}

#[test]
fn a_position_that_does_not_rise_is_unreadable() {
    let record = Record::new(&event(), LOG);
    let headers = record.headers("1234");
    let headers = headers.into_iter().map(|(name, value)| (name, Some(value)));
    let backward = Record::read(
        Topic::Order,
        Some(record.key()),
        Some(record.value()),
        headers,
    );
    assert_eq!(
        backward.expect_err("a circle").reason,
        "its position 1234 does not follow 1234"
    );
}
