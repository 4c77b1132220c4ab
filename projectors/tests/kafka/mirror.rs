//! A mirror of the test's log on a mock broker, made record by record.

use std::time::Duration;

use event_store::{Log, Published};
use projectors::mirror::{GroupProtocol, Kafka, Partitions, Record, partition_of, topics};
use proto::Topic;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord, Producer as _};
use rdkafka::types::RDKafkaRespErr;
use sqlx::types::Json;
use uuid::Uuid;

use crate::recorded::Recorded;

/// What the test's log was published as.
pub struct Mirror {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
    recorded: Log,
    log: Uuid,
    partitions: Partitions,
    through: i64,
}

impl Mirror {
    /// Of topics with so many partitions each, all empty; the relay's row says so.
    pub async fn new(recorded: &Recorded, partitions: i32) -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        let mut kafka = Kafka::new(cluster.bootstrap_servers());
        kafka.partitions = partitions;
        for topic in topics::all(&kafka) {
            cluster
                .create_topic(&topic.name, topic.partitions, 1)
                .expect("a topic");
        }
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .expect("a producer");
        let identity = recorded.log().identity().await.expect("an identity");
        let mirror = Self {
            log: identity.id,
            cluster,
            producer,
            recorded: recorded.log(),
            partitions: Partitions::empty(Topic::ALL.map(|topic| (topic, partitions))),
            through: 0,
        };
        mirror.tell().await;
        mirror
    }

    pub fn kafka(&self) -> Kafka {
        let mut kafka = Kafka::new(self.cluster.bootstrap_servers());
        kafka.group_protocol = GroupProtocol::Classic;
        kafka
    }

    /// Publishes what is new, and has the relay's row say so.
    pub async fn publish(&mut self) {
        self.publish_times(|_| 1).await;
        self.tell().await;
    }

    /// Publishes what is new, each record as often as `times` says.
    pub async fn publish_times(&mut self, times: impl Fn(&Published) -> usize) {
        loop {
            let page = self
                .recorded
                .read(self.through, 1_000)
                .await
                .expect("a page");
            if page.through == self.through {
                return;
            }
            for event in &page.events {
                for topic in event.message.topics() {
                    let count = self.partitions.count(topic);
                    let partition = partition_of(event.aggregate_id, count);
                    let previous = self.partitions.get(topic, partition).expect("listed");
                    for _ in 0..times(event) {
                        self.send(topic, partition, event, previous).await;
                    }
                    self.partitions.set(topic, partition, event.position);
                }
            }
            self.through = page.through;
        }
    }

    /// Publishes all of it once more.
    pub async fn publish_again(&mut self) {
        self.through = 0;
        let counts = Topic::ALL.map(|topic| (topic, self.partitions.count(topic)));
        self.partitions = Partitions::empty(counts);
        self.publish_times(|_| 1).await;
    }

    async fn send(&self, topic: Topic, partition: i32, event: &Published, previous: i64) {
        self.send_of(self.log, topic, partition, event, previous)
            .await;
    }

    /// One record, as if it were of another log.
    pub async fn send_of(
        &self,
        log: Uuid,
        topic: Topic,
        partition: i32,
        event: &Published,
        previous: i64,
    ) {
        let record = Record::new(event, log);
        let sent = FutureRecord::to(topic.name())
            .partition(partition)
            .key(record.key())
            .payload(record.value())
            .headers(record.owned_headers(previous))
            .timestamp(record.timestamp());
        let sent = self.producer.send(sent, Duration::ZERO).await;
        sent.expect("the mock broker takes it");
    }

    /// Publishes something that is no event.
    pub async fn send_rubbish(&self, topic: Topic, partition: i32) {
        let rubbish = FutureRecord::to(topic.name())
            .partition(partition)
            .key("rubbish")
            .payload("no protobuf")
            .headers(OwnedHeaders::new());
        let sent = self.producer.send(rubbish, Duration::ZERO).await;
        sent.expect("the mock broker takes it");
    }

    /// Has the relay's row say how far all this is.
    pub async fn tell(&self) {
        sqlx::query("update relay set position = $1, partitions = $2")
            .bind(self.through)
            .bind(Json(&self.partitions))
            .execute(self.recorded.pool())
            .await
            .expect("the relay's row");
    }

    /// Nobody may write dead letters of this topic any more, or everybody may again.
    pub fn forbid(&self, topic: Topic, group: &str, error: RDKafkaRespErr) {
        let name = topics::dead_letters(topic, group);
        let set = self.cluster.topic_error(&name, error);
        set.expect("the mock cluster knows it");
    }

    /// What a topic of one partition holds: values, and the header `dlq-reason`.
    pub fn dead_letters(&self, topic: Topic, group: &str) -> Vec<(Vec<u8>, String)> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "reader")
            .create()
            .expect("a consumer");
        let name = topics::dead_letters(topic, group);
        let (_, end) = consumer
            .fetch_watermarks(&name, 0, Duration::from_secs(5))
            .expect("the topic's end");
        let mut all = rdkafka::TopicPartitionList::new();
        all.add_partition_offset(&name, 0, rdkafka::Offset::Beginning)
            .expect("a partition");
        consumer.assign(&all).expect("an assignment");
        let mut letters = Vec::new();
        while i64::try_from(letters.len()).expect("few") < end {
            let Some(letter) = consumer.poll(Duration::from_secs(10)) else {
                panic!("{name} does not hold what it says");
            };
            let letter = letter.expect("a letter");
            let headers = letter.headers().expect("headers");
            let reason = headers.iter().find(|header| header.key == "dlq-reason");
            let reason = reason.and_then(|header| header.value).expect("a reason");
            let reason = String::from_utf8(reason.to_vec()).expect("text");
            letters.push((letter.payload().expect("a value").to_vec(), reason));
        }
        letters
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop(self.producer.flush(Duration::from_secs(1)));
    }
}
