//! Following the log's mirror in Kafka. What is missing there is read from the log; what comes twice changes nothing.

mod intake;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use proto::Topic;
use tokio::time::{Instant, sleep};

use super::dead::DeadLetters;
use super::lookout::{Lookout, Seen};
use super::member::{Member, Received};
use super::tables::Tables;
use super::tide::{BEHIND, Mark, Snapshot, same_listing};
use super::{log, parked};
use crate::checkpoint::{self, Place};
use crate::mirror::{Kafka, Partitions};
use crate::runner::Follower;

/// After so many times in a row that something mirrored did not come, the membership is made anew.
const DEAF: u32 = 3;
/// Not before a membership has lasted for so long: groups take their time to share the partitions.
const SETTLED: Duration = Duration::from_secs(30);
/// How often a projection looks whether its tables are still as it left them.
const LOOK: Duration = Duration::from_secs(1);
/// How long a member may take to be given partitions before its records are waited for all the same.
const JOIN: Duration = Duration::from_secs(5);
/// The pause before a broker that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long without new trouble, the trouble before is over.
const WELL: Duration = Duration::from_secs(20);

/// Follows the mirror until shutdown or trouble.
pub(crate) async fn follow_mirror(
    follower: &Follower,
    kafka: &Kafka,
    lookout: &Lookout,
) -> Result<()> {
    let mut connection = follower.pool.acquire().await?;
    let (identity, mut place) = log::begin(follower, &mut connection).await?;
    let projection = follower.projection;
    if place.parked > 0 {
        let still = parked::retry(&mut connection, projection, &follower.log, identity.id).await?;
        place.parked = i64::try_from(still.len())?;
    }
    let stuck = follower.watched().trouble().is_some() && place.position < identity.head;
    follower.show(&place, stuck);
    let head = identity.head;
    let mut following = Following {
        follower,
        kafka,
        lookout: lookout.clone(),
        tables: Tables {
            projection,
            connection,
            log: follower.log.clone(),
            identity,
            letters: DeadLetters::new(kafka, projection.name()),
            shutdown: follower.shutdown.clone(),
        },
        place,
        looked: Instant::now(),
        stuck: stuck.then(Instant::now),
        head,
        source: Source::Log(Mark::new(head)),
        snapshot: None,
        member: None,
        preparing: None,
        overdue: 0,
        told: false,
        told_foreign: false,
    };
    following.run().await?;
    if let Some(member) = following.member.take() {
        member.leave().await;
    }
    Ok(())
}

/// Where a projection's events come from.
enum Source {
    /// From the log, until the mirror has come as far as the mark in good time.
    Log(Mark),
    /// From the mirror, for as long as the projection comes as far as the mark in good time.
    Mirror(Mark),
}

struct Following<'a> {
    follower: &'a Follower,
    kafka: &'a Kafka,
    lookout: Lookout,
    tables: Tables,
    place: Place,
    /// When `place` was read from its row.
    looked: Instant,
    /// There was trouble, and nothing shows yet that it is over.
    stuck: Option<Instant>,
    /// The log's head, as far as it is known.
    head: i64,
    source: Source,
    snapshot: Option<Snapshot>,
    member: Option<Member>,
    preparing: Option<BoxFuture<'static, Result<()>>>,
    /// How often in a row something mirrored did not come, and was read from the log.
    overdue: u32,
    /// That the broker does not answer was logged.
    told: bool,
    /// That topics hold records of another log was logged.
    told_foreign: bool,
}

/// What there is to do.
enum Wake {
    Stop,
    Prepared(Result<()>),
    Received(Result<Received>),
    Seen(Arc<Seen>),
    Look,
}

impl Following<'_> {
    async fn run(&mut self) -> Result<()> {
        loop {
            match self.wake().await {
                Wake::Stop => return Ok(()),
                Wake::Prepared(prepared) => self.prepared(prepared)?,
                Wake::Received(received) => self.take(received?).await?,
                Wake::Seen(seen) => self.tick(&seen).await?,
                Wake::Look => self.look().await?,
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let member = self.member.as_ref();
        let subscribed = member.filter(|member| member.subscribed().is_some());
        let received = async {
            match subscribed {
                Some(member) => member.receive().await,
                None => pending().await,
            }
        };
        let prepared = async {
            match self.preparing.as_mut() {
                Some(preparing) => preparing.await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = self.follower.shutdown.cancelled() => Wake::Stop,
            prepared = prepared => Wake::Prepared(prepared),
            received = received => Wake::Received(received),
            changed = self.lookout.seen.changed() => {
                let seen = self.lookout.seen.borrow_and_update().clone();
                match (changed, seen) {
                    (Ok(()), Some(seen)) => Wake::Seen(seen),
                    // The lookout ends at shutdown alone.
                    _ => Wake::Stop,
                }
            }
            () = sleep(LOOK) => Wake::Look,
        }
    }

    fn prepared(&mut self, prepared: Result<()>) -> Result<()> {
        self.preparing = None;
        let Some(member) = self.member.as_mut() else {
            return Ok(());
        };
        let name = self.follower.projection.name();
        let Err(error) = prepared else {
            if std::mem::take(&mut self.told) {
                tracing::info!(projection = name, "projection {name} has found Kafka");
            }
            return member.subscribe();
        };
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                projection = name,
                error = format!("{error:#}"),
                "projection {name} waits for Kafka at {} and reads the log meanwhile",
                self.kafka.brokers,
            );
        }
        let again = member.prepare(&self.place.partitions);
        self.preparing = Some(sleep(PAUSE).then(|()| again).boxed());
        Ok(())
    }

    async fn applied(&mut self, dead: bool) -> Result<()> {
        if self.stuck.take().is_some() {
            self.follower.goes_on();
        }
        if dead {
            return self.look().await;
        }
        self.show();
        Ok(())
    }

    fn show(&mut self) {
        if self.stuck.is_some_and(|since| since.elapsed() >= WELL) {
            self.stuck = None;
        }
        self.follower.show(&self.place, self.stuck.is_some());
    }

    /// Reads the row: another process may have moved it, and a server that crashed comes back without the last commits,
    /// which do not wait for the disk.
    async fn look(&mut self) -> Result<()> {
        let looked = Instant::now();
        let found = self.tables.place().await?;
        if !same_listing(&found.partitions, &self.place.partitions) {
            self.begin_anew();
        }
        (self.place, self.looked) = (found, looked);
        self.show();
        Ok(())
    }

    /// With another membership: what this one receives is of no use. The log is read until that one is there.
    fn begin_anew(&mut self) {
        self.overdue = 0;
        self.member = None;
        self.preparing = None;
        self.snapshot = None;
        if let Source::Mirror(_) = self.source {
            self.source = Source::Log(Mark::new(self.head));
        }
    }

    async fn tick(&mut self, seen: &Seen) -> Result<()> {
        self.head = self.head.max(seen.head);
        self.list(seen).await?;
        let waits = self.snapshot.as_ref().is_some_and(|s| !s.has_come());
        if waits || self.looked.elapsed() >= LOOK || matches!(self.source, Source::Log(_)) {
            self.look().await?;
        }
        if self.member.is_none() && !self.place.partitions.is_empty() {
            let member = Member::new(
                self.kafka,
                self.follower.projection,
                self.tables.identity.id,
            )?;
            self.preparing = Some(member.prepare(&self.place.partitions).boxed());
            self.member = Some(member);
        }
        match self.source {
            Source::Log(_) => self.tick_by_log(seen).await,
            Source::Mirror(_) => self.tick_by_mirror(seen).await,
        }
    }

    /// Keeps to the partitions that the relay publishes in.
    async fn list(&mut self, seen: &Seen) -> Result<()> {
        let listed = seen.partitions.of_topics(self.follower.projection.topics());
        // What was seen may be older than what our row says.
        let is_old = seen.since <= self.looked && !self.place.partitions.is_empty();
        if listed.is_empty() || is_old || same_listing(&listed, &self.place.partitions) {
            return Ok(());
        }
        let mut anew = Partitions::default();
        for (topic, partition, _) in listed.iter() {
            anew.set(topic, partition, self.place.position);
        }
        let (projection, log) = (self.follower.projection, self.tables.identity.id);
        let connection = &mut *self.tables.connection;
        checkpoint::list(connection, projection, log, &self.place, &anew).await?;
        self.look().await
    }

    async fn tick_by_log(&mut self, seen: &Seen) -> Result<()> {
        self.read_log(seen.head, |_, _| 0).await?;
        let Source::Log(mark) = &mut self.source else {
            return Ok(());
        };
        let live = mark.is_live(seen.position, seen.head);
        let joined = self.member.as_ref().is_some_and(|member| {
            let waited = |since: Instant| member.has_partitions() || since.elapsed() >= JOIN;
            member.subscribed().is_some_and(waited)
        });
        if live && joined && self.place.position >= seen.head {
            let name = self.follower.projection.name();
            tracing::debug!("projection {name} follows Kafka");
            self.source = Source::Mirror(Mark::new(seen.head));
        }
        Ok(())
    }

    async fn tick_by_mirror(&mut self, seen: &Seen) -> Result<()> {
        self.raise(seen).await?;
        let (position, name) = (self.place.position, self.follower.projection.name());
        let Source::Mirror(mark) = &mut self.source else {
            return Ok(());
        };
        if mark.is_behind(position, seen.head) {
            tracing::warn!(
                projection = name,
                "projection {name} has had nothing new from Kafka for {} s, while the log went on: it reads the log \
                 until Kafka is there again",
                BEHIND.as_secs(),
            );
            self.snapshot = None;
            self.source = Source::Log(Mark::new(seen.head));
        }
        Ok(())
    }

    /// Leaves the group for a new membership: one whose topics were made anew while the broker came and went may fetch
    /// nothing of them any more, without an error.
    fn join_anew(&mut self) {
        let name = self.follower.projection.name();
        tracing::warn!(
            projection = name,
            "projection {name} gets records late or not at all from Kafka: it joins its group anew, and reads the log \
             meanwhile"
        );
        self.begin_anew();
    }

    /// Raises the position to where the mirror was, once every partition has come that far.
    async fn raise(&mut self, seen: &Seen) -> Result<()> {
        let topics: &[Topic] = self.follower.projection.topics();
        if let Some(mut snapshot) = self.snapshot.take() {
            snapshot.compare(&self.place);
            if snapshot.is_overdue() {
                self.fill(snapshot.position).await?;
                self.overdue += 1;
                let settled = |since: Instant| since.elapsed() >= SETTLED;
                let subscribed = self.member.as_ref().and_then(Member::subscribed);
                if self.overdue >= DEAF && subscribed.is_some_and(settled) {
                    self.join_anew();
                    return Ok(());
                }
            } else if snapshot.is_reached(seen, topics) {
                let (projection, log) = (self.follower.projection, self.tables.identity.id);
                let connection = &mut *self.tables.connection;
                self.overdue = 0;
                let (to, reached) = (snapshot.position, &snapshot.partitions);
                if checkpoint::raise(connection, projection, log, to, reached).await? {
                    self.place.position = self.place.position.max(to);
                    self.show();
                } else {
                    self.look().await?;
                }
            } else {
                self.snapshot = Some(snapshot);
                return Ok(());
            }
        }
        self.snapshot = Snapshot::take(seen, &self.place, topics);
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.compare(&self.place);
        }
        Ok(())
    }
}
