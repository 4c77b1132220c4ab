//! A Kafka of one test, and what is on its topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event_store::{Log, Published};
use projectors::mirror::{Kafka, Partitions, Record, partition_of, topics};
use proto::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use uuid::Uuid;

pub const PARTITIONS: i32 = 3;

/// One broker, with every topic.
pub struct Cluster {
    pub mock: MockCluster<'static, DefaultProducerContext>,
    pub kafka: Kafka,
}

/// A record as it is on a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub position: i64,
    pub previous: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp: Option<i64>,
}

/// The records of each partition, in their order there.
pub type Records = BTreeMap<(Topic, i32), Vec<Seen>>;

pub fn cluster() -> Cluster {
    let mock = MockCluster::new(1).expect("a cluster");
    let kafka = Kafka::new(mock.bootstrap_servers());
    assert_eq!(kafka.partitions, PARTITIONS);
    // The imitation does not know the request that creates them.
    for topic in topics::all(&kafka) {
        mock.create_topic(&topic.name, topic.partitions, 1)
            .expect("a topic");
    }
    Cluster { mock, kafka }
}

impl Cluster {
    /// All records there are now. Blocks.
    pub fn records(&self) -> Records {
        let consumer: BaseConsumer = self
            .kafka
            .consumer("nobody")
            .set("group.protocol", "classic")
            .create()
            .expect("a consumer");
        let mut assigned = TopicPartitionList::new();
        let mut left = 0;
        for topic in Topic::ALL {
            for partition in 0..PARTITIONS {
                assigned
                    .add_partition_offset(topic.name(), partition, Offset::Beginning)
                    .expect("a partition");
                let ends =
                    consumer.fetch_watermarks(topic.name(), partition, Duration::from_secs(10));
                left += ends.expect("an end").1;
            }
        }
        consumer.assign(&assigned).expect("an assignment");
        let mut records = Records::new();
        let patience = Instant::now() + Duration::from_secs(20);
        while left > 0 {
            assert!(Instant::now() < patience, "{left} records never came");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.expect("a message");
            let headers = message.headers().expect("headers").iter();
            let headers: Vec<_> = headers
                .map(|header| (header.key.to_owned(), header.value.unwrap_or(b"").to_vec()))
                .collect();
            let number = |name: &str| {
                let header = headers.iter().find(|(key, _)| key == name);
                let text = str::from_utf8(&header.expect("the header").1).expect("text");
                text.parse().expect("a number")
            };
            let topic = Topic::named(message.topic()).expect("a topic");
            let seen = Seen {
                position: number("position"),
                previous: number("previous"),
                key: message.key().expect("a key").to_vec(),
                value: message.payload().expect("a value").to_vec(),
                timestamp: message.timestamp().to_millis(),
                headers,
            };
            let partition = records.entry((topic, message.partition())).or_default();
            partition.push(seen);
            left -= 1;
        }
        records
    }

    /// Every published event of the log is on its topics: in its partition, in order, each naming the one before it.
    /// How many records are there twice.
    pub async fn holds(&self, log: &Log) -> usize {
        let (head, id) = (
            log.head().await.expect("a head"),
            log.identity().await.expect("an id").id,
        );
        let page = log.read(0, head).await.expect("the log");
        let records = self.records();
        let mut expected: BTreeMap<(Topic, i32), Vec<&Published>> = BTreeMap::new();
        for event in &page.events {
            for topic in event.message.topics() {
                let partition = partition_of(event.aggregate_id, PARTITIONS);
                expected.entry((topic, partition)).or_default().push(event);
            }
        }
        let places = |keys: Vec<&(Topic, i32)>| format!("{keys:?}");
        assert_eq!(
            places(records.keys().collect()),
            places(expected.keys().collect())
        );
        let mut twice = 0;
        for (place, events) in expected {
            let mut before = 0;
            let mut events = events.into_iter();
            for seen in &records[&place] {
                if seen.position <= before {
                    twice += 1;
                    continue;
                }
                assert_eq!(seen.previous, before, "a hole in {place:?}");
                let event = events.next().expect("no event that the log does not have");
                is(event, id, place.0, seen);
                before = seen.position;
            }
            assert_eq!(events.count(), 0, "events are missing in {place:?}");
        }
        twice
    }
}

fn is(event: &Published, log: Uuid, topic: Topic, seen: &Seen) {
    let record = Record::new(event, log);
    let previous = seen.previous.to_string();
    let headers = record.headers(&previous);
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_vec()));
    assert_eq!(seen.headers, headers);
    assert_eq!(seen.key, record.key());
    assert_eq!(seen.value, record.value());
    assert_eq!(seen.timestamp, Some(record.timestamp()));
    let headers = seen.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    let read = Record::read(topic, Some(&seen.key), Some(&seen.value), headers);
    let (read, _) = read.expect("a readable record");
    assert_eq!(format!("{read:?}"), format!("{event:?}"));
}

/// The last position of each partition.
pub fn ends(records: &Records) -> Partitions {
    let mut ends = Partitions::empty(Topic::ALL.map(|topic| (topic, PARTITIONS)));
    for ((topic, partition), seen) in records {
        let last = seen.last().expect("a record");
        ends.set(*topic, *partition, last.position);
    }
    ends
}
