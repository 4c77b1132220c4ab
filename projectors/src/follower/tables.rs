//! Applies batches to a projection's tables while it follows Kafka: what the fold refuses goes to the dead letters, and
//! its aggregate waits there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use event_store::{Identity, Log};
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Postgres};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::batch::Record;
use super::dead::{DeadLetters, Letter};
use super::parked::{self, Dead};
use crate::checkpoint::{self, Place};
use crate::mirror::Partitions;
use crate::{ApplyError, Projection, Refused};

/// Pauses between the tries of an event that is refused.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// Which way the checkpoint moves.
pub(crate) enum Step<'a> {
    /// Everything up to there is applied.
    To(i64),
    /// These partitions are applied up to there.
    Partitions(&'a Partitions),
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is applied; whether some of it went to the dead letters.
    Done { dead: bool },
    /// Another process was faster: nothing of it is applied.
    ByAnother,
    /// The log has no such event: nothing of the batch is applied.
    NoSuchEvent(i64),
    /// It was told to stop: nothing of it is applied.
    Stopped,
}

pub(crate) struct Tables {
    pub projection: &'static dyn Projection,
    pub connection: PoolConnection<Postgres>,
    pub log: Log,
    pub identity: Identity,
    pub letters: DeadLetters,
    pub shutdown: CancellationToken,
}

/// What became of one try.
enum Try {
    Done {
        dead: bool,
    },
    ByAnother,
    Refused(Refused),
    /// Some have to go to the dead letters first.
    Undelivered(Vec<(Letter, i64)>),
}

/// What is known of a batch's bad ones.
#[derive(Default)]
struct Bad {
    tried: BTreeMap<Uuid, Tried>,
    refused: BTreeMap<Uuid, Refused>,
    delivered: BTreeSet<i64>,
}

/// An aggregate of which an event was refused.
struct Tried {
    /// The last of its events that was.
    refused: Refused,
    times: usize,
    /// The first of its events in the batch.
    first: i64,
}

impl Bad {
    /// How long to wait before the aggregate's events are tried again, as the store has them; none after the last try.
    fn pause(
        &mut self,
        record: &Record,
        refused: Refused,
        records: &mut Vec<Record>,
    ) -> Option<Duration> {
        let id = record.event.aggregate_id;
        let theirs = records.iter().filter(|r| r.event.aggregate_id == id);
        let first = theirs.map(|record| record.event.position).min();
        let tried = self.tried.entry(id).or_insert_with(|| Tried {
            refused: refused.clone(),
            times: 0,
            first: first.unwrap_or(refused.position),
        });
        // With what came before it from the store, one that was applied long ago may be refused: that tells nothing new.
        if refused.position > tried.refused.position {
            (tried.refused, tried.times) = (refused, 0);
        }
        tried.times += 1;
        let pause = PAUSES.get(tried.times - 1).copied();
        if pause.is_none() {
            let first = tried.first;
            records.retain(|r| r.event.aggregate_id != id || r.event.position >= first);
            self.refused.insert(id, tried.refused.clone());
        }
        pause
    }
}

impl Tables {
    pub(crate) async fn place(&mut self) -> Result<Place> {
        checkpoint::place(&mut self.connection, self.projection, &self.identity).await
    }

    /// Applies what `step` is about, and moves the checkpoint from `place`, in one transaction.
    pub(crate) async fn apply(
        &mut self,
        place: &Place,
        step: &Step<'_>,
        mut records: Vec<Record>,
    ) -> Result<Applied> {
        let mut bad = Bad::default();
        loop {
            match self.attempt(place, step, &records, &bad).await? {
                Try::Done { dead } => return Ok(Applied::Done { dead }),
                Try::ByAnother => return Ok(Applied::ByAnother),
                Try::Undelivered(letters) => {
                    for (letter, position) in letters {
                        tokio::select! {
                            () = self.shutdown.cancelled() => return Ok(Applied::Stopped),
                            sent = self.letters.send(&letter) => sent?,
                        }
                        bad.delivered.insert(position);
                    }
                }
                Try::Refused(refused) => {
                    let Some(record) = records
                        .iter()
                        .find(|record| record.event.position == refused.position)
                        .cloned()
                    else {
                        return Err(refused.into());
                    };
                    let Some(pause) = bad.pause(&record, refused, &mut records) else {
                        continue;
                    };
                    tokio::select! {
                        () = self.shutdown.cancelled() => return Ok(Applied::Stopped),
                        () = sleep(pause) => {}
                    }
                    if !self.reread(&record, &mut records).await? {
                        return Ok(Applied::NoSuchEvent(record.event.position));
                    }
                }
            }
        }
    }

    /// Puts an aggregate's events as the store has them in place of its records. False where the store has no such event.
    async fn reread(&self, refused: &Record, records: &mut Vec<Record>) -> Result<bool> {
        let id = refused.event.aggregate_id;
        let stream = self.log.stream(refused.topic, id).await?;
        let position = refused.event.position;
        if stream.iter().all(|event| event.position != position) {
            return Ok(false);
        }
        let theirs: Vec<_> = records
            .extract_if(.., |record| record.event.aggregate_id == id)
            .collect();
        let last = theirs.last().map_or(0, |record| record.event.position);
        let until = stream
            .into_iter()
            .filter(|event| event.position <= last && self.projection.concerns(&event.message));
        records.extend(until.map(|event| {
            let as_received = theirs
                .iter()
                .find(|record| record.event.position == event.position);
            Record {
                offset: as_received.map_or(-1, |record| record.offset),
                previous: as_received.map_or(0, |record| record.previous),
                event,
                ..*refused
            }
        }));
        Ok(true)
    }

    async fn attempt(
        &mut self,
        place: &Place,
        step: &Step<'_>,
        records: &[Record],
        bad: &Bad,
    ) -> Result<Try> {
        let (projection, log) = (self.projection, self.identity.id);
        let mut transaction = self.connection.begin().await?;
        // First: from here on nobody else applies anything, whichever rows it is about.
        let moved = match step {
            Step::To(to) => {
                checkpoint::advance(&mut *transaction, projection, log, place.position, *to).await
            }
            Step::Partitions(moves) => {
                checkpoint::advance_partitions(&mut *transaction, projection, log, place, moves)
                    .await
            }
        };
        let Some(moved) = moved? else {
            transaction.rollback().await?;
            return Ok(Try::ByAnother);
        };
        let mut waiting = BTreeMap::new();
        if moved.parked {
            let aggregates: Vec<_> = records.iter().map(|r| r.event.aggregate_id).collect();
            waiting = parked::among(&mut transaction, projection, &aggregates).await?;
        }
        let sorted = sort(records, log, &waiting, bad);
        if !sorted.undelivered.is_empty() {
            transaction.rollback().await?;
            return Ok(Try::Undelivered(sorted.undelivered));
        }
        if !sorted.fit.is_empty() {
            match projection.apply(&mut transaction, &sorted.fit).await {
                Ok(()) => {}
                Err(ApplyError::Refused(refused)) => {
                    transaction.rollback().await?;
                    return Ok(Try::Refused(refused));
                }
                Err(error) => return Err(error.into()),
            }
        }
        parked::keep(&mut transaction, projection, &sorted.dead).await?;
        transaction.commit().await?;
        let dead = !sorted.dead.is_empty();
        Ok(Try::Done { dead })
    }
}

#[derive(Default)]
struct Sorted {
    fit: Vec<Arc<event_store::Published>>,
    dead: Vec<Dead>,
    undelivered: Vec<(Letter, i64)>,
}

/// Parts what can be tried from what goes to the dead letters.
fn sort(
    records: &[Record],
    log: Uuid,
    waiting: &BTreeMap<Uuid, parked::Parked>,
    bad: &Bad,
) -> Sorted {
    let mut sorted = Sorted::default();
    for record in records {
        let (id, position) = (record.event.aggregate_id, record.event.position);
        let (first, reason) = match (waiting.get(&id), bad.refused.get(&id)) {
            (Some(parked), _) if position >= parked.position => {
                if position <= parked.dead_through {
                    continue;
                }
                (parked.position, parked.reason.clone())
            }
            (_, Some(refused)) if position >= refused.position => {
                (refused.position, refused.reason.to_string())
            }
            _ => {
                sorted.fit.push(Arc::clone(&record.event));
                continue;
            }
        };
        if !bad.delivered.contains(&position) {
            let (reason, attempts) = if position == first {
                (reason.clone(), PAUSES.len() + 1)
            } else {
                (format!("parked behind {first}"), 0)
            };
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            let letter = Letter::refused(record, log, reason, attempts);
            sorted.undelivered.push((letter, position));
        }
        sorted.dead.push(Dead {
            aggregate_id: id,
            topic: record.topic,
            position: first,
            reason,
            through: position,
        });
    }
    sorted
}
