//! One projection's member of its consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use event_store::Published;
use futures::FutureExt as _;
use proto::Topic;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{CommitMode, Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::batch::Record;
use crate::Projection;
use crate::mirror::{self, Kafka, Partitions, Quiet, Unreadable, aside, let_go};

/// At most so many records are taken at once.
const BATCH: usize = 1_000;
/// How long the broker has for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long leaving the group may take; then the broker notices by itself.
const LEAVE: Duration = Duration::from_secs(5);

impl ConsumerContext for Quiet {}

/// A member of the projection's group. Dropped, it leaves behind everybody's back; better say [`leave`](Self::leave).
pub(crate) struct Member {
    consumer: Option<Arc<StreamConsumer<Quiet>>>,
    topics: &'static [Topic],
    /// Records of other logs are none of ours.
    log: Uuid,
    subscribed: Option<Instant>,
}

/// What was received.
#[derive(Default)]
pub(crate) struct Received {
    pub records: Vec<Record>,
    pub unreadable: Vec<(Topic, OwnedMessage, Unreadable)>,
    /// How many were of another log.
    pub foreign: usize,
    /// The last offset of each partition.
    pub offsets: BTreeMap<(Topic, i32), i64>,
}

impl Member {
    pub(crate) fn new(kafka: &Kafka, projection: &dyn Projection, log: Uuid) -> Result<Self> {
        let mut config = kafka.consumer(projection.name());
        config
            // A record is handed on as soon as it is there; there are six of us in a process, so nobody hoards.
            .set("fetch.min.bytes", "1")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.min.messages", "2000")
            .set("queued.max.messages.kbytes", "2048")
            .set("max.partition.fetch.bytes", "262144")
            .set("fetch.max.bytes", "2097152")
            // Topics that were deleted and made anew are found within seconds.
            .set("topic.metadata.refresh.interval.ms", "10000");
        let consumer = StreamConsumer::from_config_and_context(&config, Quiet)
            .with_context(|| format!("cannot use Kafka at {}", kafka.brokers))?;
        Ok(Self {
            consumer: Some(Arc::new(consumer)),
            topics: projection.topics(),
            log,
            subscribed: None,
        })
    }

    fn consumer(&self) -> &Arc<StreamConsumer<Quiet>> {
        self.consumer.as_ref().expect("there until it leaves")
    }

    /// Lets the group begin where the topics end now, in those of these partitions where it has never been: what they
    /// hold comes from the store. An error where the broker can't be reached.
    pub(crate) fn prepare(
        &self,
        listed: &Partitions,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        // Not held by whoever waits: the last to let a consumer go waits for its broker.
        let consumer = Arc::downgrade(self.consumer());
        let listed = listed.of_topics(self.topics);
        async move {
            let ask = move || match consumer.upgrade() {
                Some(consumer) => prepare(&consumer, &listed),
                None => Ok(()),
            };
            let asked = aside(ask).await?;
            asked.context("cannot ask Kafka how far the group is")
        }
    }

    /// Joins the group.
    pub(crate) fn subscribe(&mut self) -> Result<()> {
        let names: Vec<_> = self.topics.iter().map(|topic| topic.name()).collect();
        self.consumer().subscribe(&names)?;
        self.subscribed = Some(Instant::now());
        Ok(())
    }

    /// Since when it is in the group, or on its way there.
    pub(crate) fn subscribed(&self) -> Option<Instant> {
        self.subscribed
    }

    /// Whether it has been given partitions.
    pub(crate) fn has_partitions(&self) -> bool {
        let assignment = self.consumer().assignment();
        assignment.is_ok_and(|assigned| assigned.count() > 0)
    }

    /// Waits for records, and takes what is there. Safe to cancel.
    pub(crate) async fn receive(&self) -> Result<Received> {
        let mut received = Received::default();
        let mut next = Some(self.consumer().recv().await);
        while let Some(message) = next {
            match message {
                Ok(message) => received.take(&message, self.log),
                Err(error) => tolerate(error)?,
            }
            if received.records.len() + received.unreadable.len() + received.foreign >= BATCH {
                break;
            }
            next = self.consumer().recv().now_or_never();
        }
        Ok(received)
    }

    /// These records need not come again; the broker is told every few seconds.
    pub(crate) fn done(&self, offsets: &BTreeMap<(Topic, i32), i64>) {
        for (&(topic, partition), &offset) in offsets {
            // Refused for a partition that has gone to another member, which is as well.
            drop(
                self.consumer()
                    .store_offset(topic.name(), partition, offset),
            );
        }
    }

    /// Leaves the group, so that the others need not wait to find out.
    pub(crate) async fn leave(mut self) {
        let consumer = self.consumer.take();
        let left = aside(move || {
            if let Some(consumer) = &consumer {
                consumer.unsubscribe();
            }
            drop(consumer);
        });
        // Where the broker is away, it waits for it on its thread, and we do not.
        drop(timeout(LEAVE, left).await);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            let_go(consumer);
        }
    }
}

impl Received {
    fn take(&mut self, message: &BorrowedMessage<'_>, log: Uuid) {
        let Some(topic) = Topic::named(message.topic()) else {
            return;
        };
        let (partition, offset) = (message.partition(), message.offset());
        self.offsets.insert((topic, partition), offset);
        let headers = || {
            let headers = message.headers().into_iter();
            let headers = headers.flat_map(|headers| headers.iter());
            headers.map(|header| (header.key, header.value))
        };
        if mirror::Record::log(headers()).is_some_and(|other| other != log) {
            self.foreign += 1;
            return;
        }
        match mirror::Record::read(topic, message.key(), message.payload(), headers()) {
            Ok((event, previous)) => {
                self.records
                    .push(record(topic, partition, offset, previous, event));
            }
            Err(unreadable) => self.unreadable.push((topic, message.detach(), unreadable)),
        }
    }
}

fn record(topic: Topic, partition: i32, offset: i64, previous: i64, event: Published) -> Record {
    Record {
        topic,
        partition,
        offset,
        previous,
        event: Arc::new(event),
    }
}

/// Most errors of a consumer tell what it is already mending.
fn tolerate(error: KafkaError) -> Result<()> {
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Err(error).context("the consumer cannot go on");
    }
    tracing::debug!("from the consumer: {error}");
    Ok(())
}

fn prepare(consumer: &StreamConsumer<Quiet>, listed: &Partitions) -> KafkaResult<()> {
    let mut asked = TopicPartitionList::new();
    for (topic, partition, _) in listed.iter() {
        asked.add_partition(topic.name(), partition);
    }
    let committed = consumer.committed_offsets(asked, ANSWER)?;
    let mut begin = TopicPartitionList::new();
    for element in committed.elements() {
        if element.offset() != Offset::Invalid {
            continue;
        }
        let (topic, partition) = (element.topic(), element.partition());
        // A topic that is not there yet begins at its beginning.
        if let Ok((_, end)) = consumer.fetch_watermarks(topic, partition, ANSWER) {
            begin.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
    }
    if begin.count() > 0
        && let Err(error) = consumer.commit(&begin, CommitMode::Sync)
    {
        // Others are in the group already: then so are its offsets, or it reads more than it needs.
        tracing::debug!("the group's offsets were not set: {error}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::projections;

    #[tokio::test]
    async fn what_is_still_to_be_asked_does_not_keep_a_consumer() {
        let kafka = Kafka::new("127.0.0.1:1");
        let member = Member::new(&kafka, projections()[0], Uuid::nil()).expect("a consumer");
        let consumer = Arc::downgrade(member.consumer());
        let preparing = member.prepare(&Partitions::default());
        drop(member);
        let began = Instant::now();
        while consumer.strong_count() > 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "it is kept");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        preparing.await.expect("nobody is asked any more");
    }
}
