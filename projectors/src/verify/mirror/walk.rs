//! Reads the topics from their beginnings to their ends, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use proto::Topic;
use rdkafka::Message as _;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::lane::{Digests, Gap, Wrong};
use super::{Lanes, Place};
use crate::mirror::{Kafka, Quiet, Record, let_go};

/// How long the broker has for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long no record may come while there are some.
const SILENCE: Duration = Duration::from_secs(15);
/// How long to wait for a record before looking whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// How much is remembered of what is wrong.
const REMEMBERED: usize = 200;

/// What is to be read.
pub(super) struct Walk {
    pub kafka: Kafka,
    pub lanes: Lanes,
    pub digests: Digests,
    /// What is beyond this position is still on its way.
    pub through: i64,
    /// How many records were read.
    pub done: Arc<AtomicI64>,
    pub stop: CancellationToken,
}

/// What was found.
#[derive(Default)]
pub(super) struct Walked {
    pub findings: Vec<(Place, Finding)>,
    pub more: u64,
}

/// What is wrong with a partition.
pub(super) enum Finding {
    /// In words, and the position of the event that it is about.
    Text(String, Option<i64>),
    /// A record does not say what the event at this position says.
    Changed {
        position: i64,
        message: OwnedMessage,
    },
}

impl Walked {
    fn add(&mut self, place: Place, finding: Finding) {
        if self.findings.len() < REMEMBERED {
            self.findings.push((place, finding));
        } else {
            self.more += 1;
        }
    }

    fn tell(&mut self, place: Place, text: String, position: Option<i64>) {
        self.add(place, Finding::Text(text, position));
    }
}

/// Dropped without waiting for the broker.
struct Reader(Option<BaseConsumer<Quiet>>);

impl Drop for Reader {
    fn drop(&mut self) {
        let_go(self.0.take());
    }
}

impl Walk {
    /// Blocks: in bounded time also where the broker is away.
    pub(super) fn run(mut self) -> Result<Walked> {
        let mut config = self.kafka.admin();
        config
            // It is no member of it: partitions are assigned by hand, and nothing is committed.
            .set("group.id", "online-mart-verify")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet)?;
        let reader = Reader(Some(consumer));
        let consumer = reader.0.as_ref().expect("taken when dropped");
        let mut walked = Walked::default();
        let mut ends = match self.begin(consumer) {
            Ok(ends) => ends,
            Err((place, error)) => {
                walked.tell(place, format!("cannot be read: {error}"), None);
                return Ok(walked);
            }
        };
        let mut foreign = BTreeMap::new();
        let mut heard = Instant::now();
        let mut reason = None;
        while !ends.is_empty() && !self.stop.is_cancelled() {
            match consumer.poll(LOOK) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.take(&message, &mut ends, &mut foreign, &mut walked);
                }
                Some(Err(error)) => reason = Some(error.to_string()),
                None => {}
            }
            if heard.elapsed() >= SILENCE {
                let reason = reason.unwrap_or_else(|| "nothing comes".to_owned());
                for place in ends.keys() {
                    let text = format!("cannot be read to its end: {reason}");
                    walked.tell(*place, text, None);
                }
                // What did not come may be there.
                return Ok(walked);
            }
        }
        for (place, count) in foreign {
            let text = format!("{count} records are of another log");
            walked.tell(place, text, None);
        }
        self.end(&mut walked);
        Ok(walked)
    }

    /// Where each partition ends that has records.
    fn begin(
        &self,
        consumer: &BaseConsumer<Quiet>,
    ) -> Result<BTreeMap<Place, i64>, (Place, KafkaError)> {
        let mut assigned = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for &place in self.lanes.keys() {
            let (topic, partition) = place;
            let mut begin = || -> KafkaResult<_> {
                let (low, high) = consumer.fetch_watermarks(topic.name(), partition, ANSWER)?;
                if high > low {
                    assigned.add_partition_offset(topic.name(), partition, Offset::Offset(low))?;
                }
                Ok((low, high))
            };
            let (low, high) = begin().map_err(|error| (place, error))?;
            if high > low {
                ends.insert(place, high);
            }
        }
        if let Some(&place) = ends.keys().next() {
            consumer.assign(&assigned).map_err(|error| (place, error))?;
        }
        Ok(ends)
    }

    fn take(
        &mut self,
        message: &BorrowedMessage<'_>,
        ends: &mut BTreeMap<Place, i64>,
        foreign: &mut BTreeMap<Place, u64>,
        walked: &mut Walked,
    ) {
        let Some(topic) = Topic::named(message.topic()) else {
            return;
        };
        let place = (topic, message.partition());
        let Some(end) = ends.get(&place).copied() else {
            return;
        };
        let offset = message.offset();
        if offset + 1 >= end {
            ends.remove(&place);
        }
        if offset >= end {
            return;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        let headers = message.headers();
        let headers: Vec<_> = headers.iter().flat_map(|headers| headers.iter()).collect();
        let pairs = headers.iter().map(|header| (header.key, header.value));
        if Record::log(pairs) != Some(self.digests.log()) {
            *foreign.entry(place).or_default() += 1;
            return;
        }
        let number = |name: &str| {
            let header = headers.iter().find(|header| header.key == name)?;
            str::from_utf8(header.value?).ok()?.parse::<i64>().ok()
        };
        let (Some(position), Some(previous)) = (number("position"), number("previous")) else {
            let text = format!("the record at offset {offset} does not say where it belongs");
            walked.tell(place, text, None);
            return;
        };
        if position > self.through {
            return;
        }
        let digest = self.digests.of_message(message);
        let Some(lane) = self.lanes.get_mut(&place) else {
            return;
        };
        for wrong in lane.take(position, previous, digest) {
            let text = match wrong {
                Wrong::Changed => {
                    let message = message.detach();
                    walked.add(place, Finding::Changed { position, message });
                    continue;
                }
                Wrong::Unexpected => {
                    format!("the log has no event for the record at offset {offset}")
                }
                Wrong::Chain(before) => format!(
                    "the record at offset {offset} names position {previous} before it, not {before}"
                ),
                Wrong::Order(last) => {
                    format!("the record at offset {offset} follows position {last}, out of order")
                }
            };
            walked.tell(place, text, Some(position));
        }
    }

    /// What is missing.
    fn end(&self, walked: &mut Walked) {
        for (place, lane) in &self.lanes {
            for Gap { first, last, count } in lane.gaps() {
                let text = if count == 1 {
                    "it lacks the record of an event".to_owned()
                } else {
                    format!("it lacks {count} records, up to that of position {last}")
                };
                walked.tell(*place, text, Some(first));
            }
            if let Some(last) = lane.ends_early() {
                let text = "its last record belongs before others".to_owned();
                walked.tell(*place, text, Some(last));
            }
        }
    }
}
