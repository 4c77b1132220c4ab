//! What the topics hold, held against the log.

use std::collections::{BTreeMap, HashMap};

use event_store::{Log, Published};
use proto::Topic;

use crate::records::Record;

/// The mirror's records, by partition, each position once.
pub struct Mirror {
    partitions: BTreeMap<(Topic, i32), Vec<Record>>,
    /// How many records were there a second time.
    pub repeated: usize,
}

impl Mirror {
    /// Insists that positions rise in each partition, but for records that came before with the same content.
    #[track_caller]
    pub fn of(records: Vec<Record>) -> Self {
        let mut partitions: BTreeMap<_, Vec<Record>> = BTreeMap::new();
        let mut repeated = 0;
        for record in records {
            let topic = Topic::named(&record.topic).expect("a topic of the mirror");
            let before = partitions.entry((topic, record.partition)).or_default();
            if before
                .last()
                .is_none_or(|last| last.position() < record.position())
            {
                before.push(record);
                continue;
            }
            let place = before.binary_search_by_key(&record.position(), Record::position);
            let original = place.map(|place| &before[place]);
            assert!(
                original.is_ok_and(|original| original.content() == record.content()),
                "out of order, and not there before: {record:?}"
            );
            repeated += 1;
        }
        Self {
            partitions,
            repeated,
        }
    }

    /// The keys on this topic.
    pub fn keys(&self, topic: Topic) -> Vec<&str> {
        let mut keys: Vec<_> = self.on(topic).map(Record::key).collect();
        keys.sort_unstable();
        keys
    }

    pub fn on(&self, topic: Topic) -> impl Iterator<Item = &Record> {
        self.partitions
            .iter()
            .filter(move |((other, _), _)| *other == topic)
            .flat_map(|(_, records)| records)
    }

    /// Insists that it is the other one, record by record.
    #[track_caller]
    pub fn is(&self, other: &Self) {
        assert_eq!(
            self.partitions.keys().collect::<Vec<_>>(),
            other.partitions.keys().collect::<Vec<_>>()
        );
        for (partition, records) in &self.partitions {
            let others = &other.partitions[partition];
            assert_eq!(records.len(), others.len(), "{partition:?}");
            for (one, other) in records.iter().zip(others) {
                assert_eq!(one.content(), other.content(), "{partition:?}");
            }
        }
    }

    /// Insists that every event of the log is on its topics, in order, as it was published, and nothing else.
    pub async fn holds(&self, log: &Log) {
        let identity = log.identity().await.expect("an identity").id.to_string();
        let mut expected: BTreeMap<Topic, Vec<std::sync::Arc<Published>>> = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = log.read(after, 10_000).await.expect("reads");
            if page.through == after {
                break;
            }
            after = page.through;
            for event in page.events {
                for topic in event.message.topics() {
                    expected.entry(topic).or_default().push(event.clone());
                }
            }
        }
        for topic in Topic::ALL {
            let expected = expected.remove(&topic).unwrap_or_default();
            let mut found: HashMap<i64, &Record> = self
                .on(topic)
                .map(|record| (record.position(), record))
                .collect();
            let mut last = HashMap::new();
            let mut home = HashMap::new();
            for event in expected {
                let record = found
                    .remove(&event.position)
                    .unwrap_or_else(|| panic!("{topic:?} lacks {event:?}"));
                let place = home.entry(event.aggregate_id).or_insert(record.partition);
                assert_eq!(*place, record.partition, "another partition: {record:?}");
                let before = last.insert(record.partition, event.position);
                tells(record, &identity, &event, before.unwrap_or(0));
            }
            assert!(found.is_empty(), "not in the log: {found:?}");
        }
    }
}

/// Insists that the record says what the event says.
fn tells(record: &Record, log: &str, event: &Published, previous: i64) {
    assert_eq!(record.key(), event.aggregate_id.to_string());
    assert_eq!(record.value, event.message.encode());
    assert_eq!(record.timestamp, Some(event.recorded_at.timestamp_millis()));
    let time = event
        .recorded_at
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let source = format!("/online-mart/{}", event.message.topic().name());
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", &event.event_id.to_string()),
        ("ce_source", &source),
        ("ce_type", event.message.type_name().expect("an event")),
        ("ce_subject", &event.aggregate_id.to_string()),
        ("ce_time", &time),
        ("content-type", "application/protobuf"),
        ("log", log),
        ("position", &event.position.to_string()),
        ("sequence", &event.sequence.to_string()),
        ("previous", &previous.to_string()),
        ("actor", &event.actor),
        ("correlation-id", &event.correlation_id),
        ("traceparent", &event.traceparent),
    ];
    let told: Vec<_> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).expect("text")))
        .collect();
    assert_eq!(told, headers, "{record:?}");
}
