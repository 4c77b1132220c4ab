//! A mirror on a mock broker, with whatever is wrong in it.

use std::time::Duration;

use event_store::{Log, Published};
use projectors::mirror::{GroupProtocol, Kafka, Partitions, Record, topics};
use proto::Topic;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use sqlx::types::Json;
use uuid::Uuid;

pub const PARTITIONS: i32 = 3;

/// A broker with every topic.
pub struct Broker {
    _cluster: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
    pub kafka: Kafka,
    partitions: Partitions,
    through: i64,
}

/// A record to be written.
#[derive(Clone)]
pub struct Sent {
    pub topic: Topic,
    pub partition: i32,
    pub log: Uuid,
    pub event: Published,
    pub previous: i64,
}

impl Broker {
    pub fn new() -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        let mut kafka = Kafka::new(cluster.bootstrap_servers());
        kafka.group_protocol = GroupProtocol::Classic;
        for topic in topics::all(&kafka) {
            cluster
                .create_topic(&topic.name, topic.partitions, 1)
                .expect("a topic");
        }
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("linger.ms", "1")
            .create()
            .expect("a producer");
        Self {
            _cluster: cluster,
            producer,
            kafka,
            partitions: Partitions::empty(Topic::ALL.map(|topic| (topic, PARTITIONS))),
            through: 0,
        }
    }

    /// The records of what is new, as they must be.
    pub async fn records(&mut self, log: &Log) -> Vec<Sent> {
        let identity = log.identity().await.expect("an identity");
        let mut records = Vec::new();
        while self.through < identity.head {
            let page = log.read(self.through, 1_000).await.expect("a page");
            for event in &page.events {
                for topic in event.message.topics() {
                    let partition = self.partitions.partition_of(topic, event.aggregate_id);
                    let partition = partition.expect("it is listed");
                    let previous = self.partitions.get(topic, partition);
                    records.push(Sent {
                        topic,
                        partition,
                        log: identity.id,
                        event: Published::clone(event),
                        previous: previous.expect("it is listed"),
                    });
                    self.partitions.set(topic, partition, event.position);
                }
            }
            self.through = page.through;
        }
        records
    }

    /// Writes these, in their order.
    pub async fn write(&self, records: &[Sent]) {
        let mut sent = Vec::new();
        for record in records {
            let written = Record::new(&record.event, record.log);
            let out = FutureRecord::to(record.topic.name())
                .partition(record.partition)
                .key(written.key())
                .payload(written.value())
                .headers(written.owned_headers(record.previous))
                .timestamp(written.timestamp());
            sent.push(
                self.producer
                    .send_result(out)
                    .map_err(|(error, _)| error)
                    .expect("room"),
            );
        }
        for sent in sent {
            sent.await.expect("an answer").expect("it is written");
        }
    }

    /// Has the relay's row say that all this is written.
    pub async fn tell(&self, log: &Log) {
        sqlx::query("update relay set position = $1, partitions = $2")
            .bind(self.through)
            .bind(Json(&self.partitions))
            .execute(log.pool())
            .await
            .expect("the relay's row");
    }

    /// Mirrors what is new.
    pub async fn mirror(&mut self, log: &Log) {
        let records = self.records(log).await;
        self.write(&records).await;
        self.tell(log).await;
    }
}

/// Somewhere nobody listens.
pub fn away() -> Kafka {
    let mut kafka = Kafka::new("127.0.0.1:1");
    kafka.group_protocol = GroupProtocol::Classic;
    kafka
}

/// Longer than a question to a broker that is away may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
