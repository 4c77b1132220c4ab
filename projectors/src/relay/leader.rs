//! What the relay that holds the lease does: see to the topics, and then mirror page after page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use event_store::Log;
use proto::Topic;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::RelayState;
use super::flight::{Board, Outlet};
use super::lease::Lease;
use super::reading::read;
use super::row::Mirrored;
use super::run::Run;
use crate::mirror::topics::Topics;
use crate::mirror::{Kafka, Partitions};

/// How often it is asked, while something is on its way, whether the topics are still there: the producer learns much
/// later that they are not.
const ASK: Duration = Duration::from_secs(1);

/// One leadership.
pub(super) struct Leader<'a> {
    pub(super) log: &'a Log,
    pub(super) kafka: &'a Kafka,
    pub(super) topics: &'a Topics,
    pub(super) lease: &'a Lease,
    /// How long Kafka may acknowledge nothing.
    pub(super) silence: Duration,
    pub(super) state: &'a watch::Sender<RelayState>,
    /// Everything up to here is to be mirrored; `None`: for ever.
    pub(super) until: Option<i64>,
    /// The topics that were told to be empty.
    pub(super) told_empty: Vec<Topic>,
}

/// Why a leadership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All that was asked for is acknowledged and written down.
    Reached,
    /// Shut down; what could be acknowledged in time is written down.
    Shutdown,
    /// The lease is over or another's.
    Deposed,
}

impl Leader<'_> {
    /// Leads until one of these ends, or trouble. `acknowledged` is how far the mirror is, now and afterwards; `progress`
    /// is told each time that is written down.
    pub(super) async fn lead(
        &mut self,
        acknowledged: &mut Mirrored,
        shutdown: &CancellationToken,
        progress: &mut (dyn FnMut(i64) + Send),
    ) -> Result<End> {
        let lease = self.lease;
        acknowledged.partitions = tokio::select! {
            found = self.see_to_topics(acknowledged) => found?,
            () = shutdown.cancelled() => return Ok(End::Shutdown),
            () = lease.lost() => return Ok(End::Deposed),
        };
        let outlet = Outlet::open(self.kafka, self.log.identity().await?.id)?;
        // Those who follow learn the numbers of partitions from the row, also while nothing happens.
        if !self.lease.checkpoint(acknowledged).await? {
            return Ok(End::Deposed);
        }
        let (pages, incoming) = mpsc::channel(2);
        let mut beside = JoinSet::new();
        let board = Arc::clone(&outlet.board);
        beside.spawn(keep_an_eye(self.topics.clone(), board));
        beside.spawn(read(self.log.clone(), acknowledged.position, pages));
        let before = self.state.send_replace(RelayState::Leading);
        if before.trouble().is_some() {
            tracing::info!("the relay goes on");
        }
        let run = Run::new(self, outlet, acknowledged);
        run.run(incoming, shutdown, progress).await
    }

    /// Creates what is missing; the partitions that there are then.
    async fn see_to_topics(&mut self, acknowledged: &Mirrored) -> Result<Partitions> {
        let partitions = agreed(acknowledged, &self.topics.ensure().await?)?;
        self.tell_empty(&acknowledged.partitions).await;
        Ok(partitions)
    }

    /// Tells once of topics that hold nothing of what was acknowledged: somebody has made them anew.
    async fn tell_empty(&mut self, partitions: &Partitions) {
        let mut empty = Vec::new();
        for topic in Topic::ALL {
            let of_topic = partitions.iter().filter(|(found, ..)| *found == topic);
            let fullest = of_topic.max_by_key(|(_, _, position)| *position);
            let Some((_, partition, 1..)) = fullest else {
                continue;
            };
            // Right after a topic was made its partitions may have no leader yet: then it is empty, too.
            if !matches!(self.topics.end(topic, partition).await, Ok(1..)) {
                empty.push(topic);
            }
        }
        let news = empty.iter().any(|topic| !self.told_empty.contains(topic));
        if news {
            let names: Vec<_> = empty.iter().map(|topic| topic.name()).collect();
            tracing::warn!(
                "topics {} were made anew and are empty; what they held before is in them again after \
                 `mart relay republish`, read models do not need it",
                names.join(", ")
            );
        }
        self.told_empty = empty;
    }
}

/// The partitions as the row lists them, with those of topics that it does not list yet: those begin after what is
/// acknowledged, and their first records say so, for what came before is not on them.
fn agreed(acknowledged: &Mirrored, counts: &BTreeMap<Topic, i32>) -> Result<Partitions> {
    let listed = &acknowledged.partitions;
    let begin = acknowledged.position;
    let mut agreed = listed.clone();
    for (&topic, &count) in counts {
        let name = topic.name();
        match listed.count(topic) {
            0 => (0..count).for_each(|partition| agreed.set(topic, partition, begin)),
            before if before == count => {}
            before => bail!(
                "topic {name} has {count} partitions, but was filled with {before}: a key's records would be in two of \
                 them; delete the topic, let it be created with the partitions that are wanted (KAFKA_PARTITIONS), and \
                 fill it anew by `mart relay republish`"
            ),
        }
    }
    Ok(agreed)
}

/// Asks, while something is on its way, whether all topics are still there.
async fn keep_an_eye(topics: Topics, board: Arc<Board>) {
    loop {
        sleep(ASK).await;
        if !board.expects() {
            continue;
        }
        if let Ok(present) = topics.present().await {
            let mut names = Topic::ALL.map(Topic::name).into_iter();
            if let Some(gone) = names.find(|name| !present.contains_key(*name)) {
                board.failed(format!("topic {gone} is gone"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_is_new_holds_nothing_of_what_is_acknowledged_already() {
        let acknowledged = Mirrored {
            position: 40,
            partitions: Partitions::empty([(Topic::Order, 1)]),
        };
        let counts = BTreeMap::from([(Topic::Order, 1), (Topic::Payment, 2)]);
        let agreed = agreed(&acknowledged, &counts).expect("as many as before");
        let listed: Vec<_> = agreed.iter().collect();
        assert_eq!(
            listed,
            [
                (Topic::Order, 0, 0),
                (Topic::Payment, 0, 40),
                (Topic::Payment, 1, 40)
            ]
        );
    }
}
