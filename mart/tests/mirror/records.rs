//! What is on a topic, read by a consumer that belongs to no group.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

/// How long a broker may take to hand out the next part.
const PATIENCE: Duration = Duration::from_secs(30);

/// Key, value, headers and time.
type Content<'a> = (&'a [u8], &'a [u8], &'a [(String, Vec<u8>)], Option<i64>);

/// A record, with all that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp: Option<i64>,
}

impl Record {
    /// A header's value.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        let (_, value) = found.unwrap_or_else(|| panic!("no {name} in {self:?}"));
        std::str::from_utf8(value).expect("text")
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        self.header(name).parse().expect("a number")
    }

    #[track_caller]
    pub fn position(&self) -> i64 {
        self.number("position")
    }

    /// The aggregate's id.
    #[track_caller]
    pub fn key(&self) -> &str {
        std::str::from_utf8(&self.key).expect("text")
    }

    /// All but where it lies: the same for a record that was published again.
    pub fn content(&self) -> Content<'_> {
        (&self.key, &self.value, &self.headers, self.timestamp)
    }
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|h| h.iter());
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default().to_owned(),
            value: message.payload().unwrap_or_default().to_owned(),
            headers: headers
                .map(|header| {
                    (
                        header.key.to_owned(),
                        header.value.unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            timestamp: message.timestamp().to_millis(),
        }
    }
}

/// Everything on these topics as it is now, partition by partition. Blocking.
pub fn read(brokers: &str, topics: &[String]) -> Vec<Record> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "10")
        .create()
        .expect("a consumer");
    let metadata = consumer
        .fetch_metadata(None, PATIENCE)
        .expect("the broker answers");
    let mut all = TopicPartitionList::new();
    for topic in metadata.topics() {
        if topics.iter().any(|wanted| wanted == topic.name()) {
            for partition in topic.partitions() {
                all.add_partition_offset(topic.name(), partition.id(), Offset::Beginning)
                    .expect("a place");
            }
        }
    }
    consumer.assign(&all).expect("assigned");
    let (mut records, mut open) = (Vec::new(), all.count());
    while open > 0 {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => records.push(Record::from(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => println!("reading goes on after: {error}"),
            None => panic!("nothing more of {topics:?} arrives"),
        }
    }
    records
        .sort_by(|a, b| (&a.topic, a.partition, a.offset).cmp(&(&b.topic, b.partition, b.offset)));
    records
}
