//! Taking records in, and the log's own pages where records are missing.

use std::sync::Arc;

use anyhow::{Result, ensure};
use event_store::Published;

use super::Following;
use crate::checkpoint::Place;
use crate::follower::batch::{Plan, Record};
use crate::follower::dead::Letter;
use crate::follower::member::Received;
use crate::follower::tables::{Applied, Step};

/// Events that one read of the log fetches.
const PAGE: i64 = 1_000;

impl Following<'_> {
    /// Applies what was received.
    pub(super) async fn take(&mut self, received: Received) -> Result<()> {
        if received.foreign > 0 && !std::mem::replace(&mut self.told_foreign, true) {
            let name = self.follower.projection.name();
            tracing::warn!(
                projection = name,
                "projection {name} leaves out records of another log; to have the topics hold this one alone, delete \
                 them and run `mart relay republish`"
            );
        }
        for (topic, message, unreadable) in &received.unreadable {
            let partition = rdkafka::Message::partition(message);
            let seen = unreadable.position <= self.place.of(*topic, partition);
            if unreadable.position.is_some() && seen {
                continue;
            }
            let letter = Letter::unreadable(*topic, message, unreadable.reason.clone());
            // Where it is about an event of ours, that comes from the log: the next record names it, or the relay's row.
            if !self.send(&letter).await? {
                return Ok(());
            }
        }
        if self.apply(received.records).await?
            && let Some(member) = &self.member
        {
            member.done(&received.offsets);
        }
        self.lookout.news();
        Ok(())
    }

    /// Applies records; false where they have to come again.
    async fn apply(&mut self, mut records: Vec<Record>) -> Result<bool> {
        let position = |record: &Record| record.event.position;
        if records.iter().map(position).max() > Some(self.head) {
            self.head = self.follower.log.head().await?;
        }
        let head = self.head;
        // A position that the log has not reached would have all that really is there skipped.
        let strangers: Vec<_> = records.extract_if(.., |r| position(r) > head).collect();
        for stranger in &strangers {
            if !self.is_no_event(stranger).await? {
                return Ok(false);
            }
        }
        loop {
            let plan = Plan::of(&self.place, &records);
            if let Some((topic, partition)) = plan.misplaced {
                let (name, topic) = (self.follower.projection.name(), topic.name());
                tracing::debug!(
                    "projection {name} leaves out {topic}/{partition} of other partitions"
                );
            }
            if let Some(gap) = plan.gap {
                self.fill(gap).await?;
                if self.follower.shutdown.is_cancelled() || self.member.is_none() {
                    return Ok(false);
                }
                continue;
            }
            if plan.records.is_empty() {
                return Ok(true);
            }
            let mut concerned = plan.records;
            concerned.retain(|record| self.concerns(&record.event));
            let step = Step::Partitions(&plan.moves);
            match self.tables.apply(&self.place, &step, concerned).await? {
                Applied::Done { dead } => {
                    for (topic, partition, entry) in plan.moves.iter() {
                        self.place.partitions.set(topic, partition, entry);
                    }
                    self.applied(dead).await?;
                    return Ok(true);
                }
                Applied::ByAnother => {
                    self.look().await?;
                    if self.member.is_none() {
                        return Ok(false);
                    }
                }
                Applied::NoSuchEvent(stranger) => {
                    let strangers = records.extract_if(.., |r| position(r) == stranger);
                    for stranger in strangers.collect::<Vec<_>>() {
                        if !self.is_no_event(&stranger).await? {
                            return Ok(false);
                        }
                    }
                }
                Applied::Stopped => return Ok(false),
            }
        }
    }

    /// Reads the log up to `to`, in place of records that are missing.
    pub(super) async fn fill(&mut self, to: i64) -> Result<()> {
        let missing = |place: &Place, records: &[Record]| {
            let is_missing = |record: &&Record| {
                place.of(record.topic, record.partition) < Some(record.event.position)
            };
            records.iter().filter(is_missing).count()
        };
        let filled = self.read_log(to, missing).await?;
        let name = self.follower.projection.name();
        metrics::counter!("mart_projection_filled_total", "projection" => name).increment(filled);
        tracing::debug!("projection {name} took {filled} events up to position {to} from the log");
        Ok(())
    }

    /// Applies the log up to `to`, or up to shutdown; the sum of what `count` says of each page, asked before.
    pub(super) async fn read_log(
        &mut self,
        to: i64,
        count: impl Fn(&Place, &[Record]) -> usize,
    ) -> Result<u64> {
        let mut sum = 0;
        while self.place.position < to && !self.follower.shutdown.is_cancelled() {
            let from = self.place.position;
            let page = self.follower.log.read(from, PAGE.min(to - from)).await?;
            ensure!(
                page.through > from,
                "the log ends at position {from}, before {to}"
            );
            let concerned = page.events.iter().filter(|event| self.concerns(event));
            let records: Vec<_> = concerned
                .filter_map(|event| self.as_record(event))
                .collect();
            let counted = count(&self.place, &records);
            let step = Step::To(page.through);
            match self.tables.apply(&self.place, &step, records).await? {
                Applied::Done { dead } => {
                    sum += u64::try_from(counted)?;
                    self.place.position = page.through;
                    self.applied(dead).await?;
                }
                Applied::ByAnother => self.look().await?,
                Applied::Stopped | Applied::NoSuchEvent(_) => break,
            }
        }
        Ok(sum)
    }

    fn concerns(&self, event: &Published) -> bool {
        self.follower.projection.concerns(&event.message)
    }

    /// An event as if it had been received. None where the mirror does not tell the projection of such.
    fn as_record(&self, event: &Arc<Published>) -> Option<Record> {
        let followed = self.follower.projection.topics();
        let topic = event.message.topics().find(|t| followed.contains(t))?;
        let partition = self
            .place
            .partitions
            .partition_of(topic, event.aggregate_id);
        Some(Record {
            topic,
            partition: partition.unwrap_or(-1),
            offset: -1,
            previous: 0,
            event: Arc::clone(event),
        })
    }

    /// The log has no such event: it goes to the dead letters. False at shutdown.
    async fn is_no_event(&mut self, record: &Record) -> Result<bool> {
        let reason = "the log has no such event".to_owned();
        let log = self.tables.identity.id;
        self.send(&Letter::refused(record, log, reason, 1)).await
    }

    async fn send(&mut self, letter: &Letter) -> Result<bool> {
        tokio::select! {
            () = self.follower.shutdown.cancelled() => Ok(false),
            sent = self.tables.letters.send(letter) => sent.map(|()| true),
        }
    }
}
