//! The mirror in Kafka, held against the log: whether every published event up to where the relay is stands on its topics,
//! in order, as it was published, and nothing else.
//!
//! Of each record that must be there sixteen bytes are kept in memory: its position and a digest of what it says.

mod lane;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use event_store::Log;
use futures::FutureExt as _;
use proto::Topic;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Difference;
use super::difference::Found;
use crate::mirror::topics::Topics;
use crate::mirror::{Kafka, Record, aside};
use crate::relay::mirrored;
use lane::{Digests, Lane};
use walk::{Finding, Walked};

/// Events that are read at once.
const PAGE: i64 = 2_000;
/// How often it is told how far the reading is.
const TELL: Duration = Duration::from_millis(200);

/// A partition.
type Place = (Topic, i32);
/// The partitions with what must be in them.
type Lanes = BTreeMap<Place, Lane>;

/// Everything that differs. A broker that does not answer is a difference.
pub(super) async fn check(
    log: &Log,
    kafka: &Kafka,
    stop: &CancellationToken,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Vec<Difference>> {
    let mut found = Found::of("mirror");
    let relay = mirrored(log.pool()).await?;
    let identity = log.identity().await?;
    if relay.position > identity.head {
        let text = format!(
            "the relay has mirrored position {}, but the log ends at {}",
            relay.position, identity.head
        );
        found.push(difference("Kafka", text, None));
        return Ok(found.into_differences());
    }
    let present = async { Topics::of(kafka)?.present().await };
    let present = match present.await {
        Ok(present) => present,
        Err(error) => {
            let text = format!("it does not answer at {}: {error:#}", kafka.brokers);
            found.push(difference("Kafka", text, None));
            return Ok(found.into_differences());
        }
    };
    for topic in Topic::ALL {
        let (name, listed) = (topic.name(), relay.partitions.count(topic));
        let text = match present.get(name) {
            _ if listed == 0 => continue,
            None => "there is no such topic".to_owned(),
            Some(count) if *count != listed => {
                format!("it has {count} partitions, but was filled with {listed}")
            }
            Some(_) => continue,
        };
        found.push(difference(name, text, None));
    }
    let digests = Digests::new(identity.id);
    let mut lanes: Lanes = relay
        .partitions
        .iter()
        .filter(|(topic, partition, _)| {
            let count = present.get(topic.name());
            count.is_some_and(|count| partition < count)
        })
        .map(|(topic, partition, _)| ((topic, partition), Lane::default()))
        .collect();
    let mut after = 0;
    while after < relay.position {
        ensure!(!stop.is_cancelled(), "stopped before it was done");
        let page = log.read(after, PAGE.min(relay.position - after)).await?;
        ensure!(page.through > after, "the log ends at position {after}");
        for event in &page.events {
            let record = Record::new(event, identity.id);
            for topic in event.message.topics() {
                let partition = relay.partitions.partition_of(topic, event.aggregate_id);
                let place = partition.map(|partition| (topic, partition));
                if let Some(lane) = place.and_then(|place| lanes.get_mut(&place)) {
                    lane.expect(event.position, digests.of_record(&record));
                }
            }
        }
        after = page.through;
    }
    let walked = walk_aside(kafka, lanes, digests, relay.position, stop, progress).await?;
    tell(log, identity.id, walked, &mut found).await?;
    Ok(found.into_differences())
}

/// Reads the topics on a thread of its own, and tells how far it is meanwhile.
async fn walk_aside(
    kafka: &Kafka,
    lanes: Lanes,
    digests: Digests,
    through: i64,
    stop: &CancellationToken,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Walked> {
    let of = lanes.values().map(Lane::len).sum();
    let done = Arc::new(AtomicI64::new(0));
    // Also when nobody waits for it any more.
    let stop = stop.child_token();
    let _stops = stop.clone().drop_guard();
    let walking = walk::Walk {
        kafka: kafka.clone(),
        lanes,
        digests,
        through,
        done: Arc::clone(&done),
        stop: stop.clone(),
    };
    let mut walking = aside(move || walking.run()).boxed();
    loop {
        tokio::select! {
            walked = &mut walking => {
                ensure!(!stop.is_cancelled(), "stopped before it was done");
                return walked?;
            }
            () = sleep(TELL) => progress(done.load(Ordering::Relaxed).min(of), of),
        }
    }
}

async fn tell(log: &Log, id: Uuid, walked: Walked, found: &mut Found) -> Result<()> {
    for ((topic, partition), finding) in walked.findings {
        let place = format!("{}/{partition}", topic.name());
        let (text, position) = match finding {
            Finding::Text(text, position) => (text, position),
            Finding::Changed { position, message } => {
                let page = log.read(position - 1, 1).await?;
                let record = page.events.first().map(|event| Record::new(event, id));
                let what = record.map_or_else(Vec::new, |record| changed(&record, &message));
                let text = format!(
                    "the record at offset {} has another {} than the event",
                    message.offset(),
                    what.join(", ")
                );
                (text, Some(position))
            }
        };
        found.push(difference(&place, text, position));
    }
    found.count(walked.more);
    Ok(())
}

/// In what a record is not as it was published.
fn changed(record: &Record, message: &OwnedMessage) -> Vec<String> {
    let mut what = Vec::new();
    if message.key() != Some(record.key()) {
        what.push("key".to_owned());
    }
    if message.payload() != Some(record.value()) {
        what.push("value".to_owned());
    }
    if message.timestamp().to_millis() != Some(record.timestamp()) {
        what.push("timestamp".to_owned());
    }
    let expected = record.headers("");
    let found = message.headers();
    let found: Vec<_> = found.iter().flat_map(|headers| headers.iter()).collect();
    for (name, value) in expected.iter().filter(|(name, _)| *name != "previous") {
        let header = found.iter().find(|header| header.key == *name);
        if header.and_then(|header| header.value) != Some(value) {
            what.push(format!("header {name}"));
        }
    }
    if what.is_empty() {
        what.push("list of headers".to_owned());
    }
    what
}

fn difference(place: &str, text: String, position: Option<i64>) -> Difference {
    Difference::Mirror {
        place: place.to_owned(),
        text,
        position,
    }
}
