//! What an operator, or trouble, does to topics.

use std::time::Duration;

use proto::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep};

use crate::records::{Record, read};

const PATIENCE: Duration = Duration::from_secs(30);

/// The topics of one Kafka.
pub struct Topics {
    brokers: String,
    admin: AdminClient<DefaultClientContext>,
}

/// The names of those that carry the mirror.
pub fn of_the_mirror() -> Vec<String> {
    Topic::ALL.map(|topic| topic.name().to_owned()).into()
}

impl Topics {
    pub fn of(brokers: &str) -> Self {
        let admin = config(brokers).create().expect("a client");
        Self {
            brokers: brokers.to_owned(),
            admin,
        }
    }

    pub async fn create(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        let made = self
            .admin
            .create_topics([&topic], &options())
            .await
            .expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// Every topic but Kafka's own, with its number of partitions.
    pub fn all(&self) -> Vec<(String, usize)> {
        let metadata = self
            .admin
            .inner()
            .fetch_metadata(None, PATIENCE)
            .expect("the broker answers");
        metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
            .collect()
    }

    /// Deletes these, and waits until they are gone.
    pub async fn delete(&self, names: &[String]) {
        let asked: Vec<_> = names.iter().map(String::as_str).collect();
        let deleted = self
            .admin
            .delete_topics(&asked, &options())
            .await
            .expect("the broker answers");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Everything on these topics.
    pub async fn read(&self, names: Vec<String>) -> Vec<Record> {
        let brokers = self.brokers.clone();
        tokio::task::spawn_blocking(move || read(&brokers, &names))
            .await
            .expect("it reads")
    }

    /// Takes away every record that is on the topic now; how many there were.
    pub async fn truncate(&self, name: &str) -> usize {
        let records = self.read(vec![name.to_owned()]).await;
        let mut ends = TopicPartitionList::new();
        for (topic, partitions) in self.all() {
            for partition in (0..partitions).filter(|_| topic == name) {
                let partition = i32::try_from(partition).expect("few");
                ends.add_partition_offset(name, partition, Offset::End)
                    .expect("a place");
            }
        }
        let gone = self
            .admin
            .delete_records(&ends, &options())
            .await
            .expect("the broker answers");
        for element in gone.elements() {
            element.error().expect("truncated");
        }
        records.len()
    }

    /// Sets the group's offsets on this topic to 0. It has no members then.
    pub async fn rewind(&self, group: &str, topic: Topic) {
        let mut start = TopicPartitionList::new();
        for (name, partitions) in self.all() {
            for partition in (0..partitions).filter(|_| name == topic.name()) {
                let partition = i32::try_from(partition).expect("few");
                start
                    .add_partition_offset(&name, partition, Offset::Offset(0))
                    .expect("a place");
            }
        }
        let consumer: BaseConsumer = config(&self.brokers)
            .set("group.id", group)
            .create()
            .expect("a consumer");
        let deadline = Instant::now() + PATIENCE;
        // A group whose last member was killed has none only after a while.
        while let Err(error) = consumer.commit(&start, CommitMode::Sync) {
            assert!(
                Instant::now() < deadline,
                "{group} can't be rewound: {error}"
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Publishes them again where they were, in the order given.
    pub async fn publish(&self, records: &[Record]) {
        let producer: FutureProducer = config(&self.brokers)
            .set("enable.idempotence", "true")
            .create()
            .expect("a producer");
        let mut sent = Vec::with_capacity(records.len());
        for record in records {
            let headers = record.headers.iter().fold(
                OwnedHeaders::new_with_capacity(record.headers.len()),
                |headers, (key, value)| {
                    headers.insert(Header {
                        key,
                        value: Some(value),
                    })
                },
            );
            let mut message = FutureRecord::to(&record.topic)
                .partition(record.partition)
                .key(&record.key)
                .payload(&record.value)
                .headers(headers);
            if let Some(timestamp) = record.timestamp {
                message = message.timestamp(timestamp);
            }
            sent.push(producer.send_result(message).expect("room in the queue"));
        }
        for delivery in sent {
            delivery
                .await
                .expect("an answer")
                .expect("the broker takes it");
        }
        producer.flush(PATIENCE).expect("nothing is left");
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}
