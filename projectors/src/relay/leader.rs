//! What the relay that holds the lease does: read, produce, and write down what was acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use event_store::{Log, Page, Subscription};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use proto::Topic;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::RelayState;
use super::flight::{Board, Gate, Outlet, Sent};
use super::lease::Lease;
use super::row::Mirrored;
use crate::mirror::topics::Topics;
use crate::mirror::{Kafka, Partitions};

/// How much is on its way at once.
const IN_FLIGHT: usize = 16 * 1024 * 1024;
/// Events that one read fetches while the mirror is behind …
const BEHIND: i64 = 2_000;
/// … and how many make a page so large that it is no business of the runtime's threads.
const LARGE: usize = 64;
/// How long what is on its way has at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// How long Kafka may take before its silence is told.
const SILENCE: Duration = Duration::from_secs(5);
/// How often it is asked, while something is on its way, whether the topics are still there: the producer learns much
/// later that they are not.
const ASK: Duration = Duration::from_secs(1);
/// Pauses while something is wrong: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// One leadership.
pub(super) struct Leader<'a> {
    pub(super) log: &'a Log,
    pub(super) kafka: &'a Kafka,
    pub(super) topics: &'a Topics,
    pub(super) lease: &'a Lease,
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
        let counts = tokio::select! {
            counts = self.topics.ensure() => counts?,
            () = shutdown.cancelled() => return Ok(End::Shutdown),
            () = self.lease.lost() => return Ok(End::Deposed),
        };
        acknowledged.partitions = agreed(&acknowledged.partitions, &counts)?;
        self.tell_empty(&acknowledged.partitions).await?;
        let outlet = Arc::new(Outlet::open(self.kafka)?);
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
        let mut run = Run {
            leader: self,
            outlet,
            chain: acknowledged.partitions.clone(),
            produced: acknowledged.position,
            written: acknowledged.position,
            acknowledged,
            sent: VecDeque::new(),
            size: 0,
            writing: None,
            silent_since: None,
            told: false,
        };
        run.run(incoming, shutdown, progress).await
    }

    /// Tells once of topics that hold nothing of what was acknowledged: somebody has made them anew.
    async fn tell_empty(&mut self, partitions: &Partitions) -> Result<()> {
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
        Ok(())
    }
}

/// The partitions as the row lists them, with those of topics that it does not list yet.
fn agreed(listed: &Partitions, counts: &BTreeMap<Topic, i32>) -> Result<Partitions> {
    let mut agreed = listed.clone();
    for (&topic, &count) in counts {
        let name = topic.name();
        match listed.count(topic) {
            0 => (0..count).for_each(|partition| agreed.set(topic, partition, 0)),
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

/// Reads the log page by page, ahead of who takes the pages.
async fn read(log: Log, from: i64, pages: mpsc::Sender<Result<Page>>) {
    let mut subscription = log.subscribe(from);
    let mut behind = true;
    let mut pause = PAUSES.0;
    loop {
        let page = next(&log, &mut subscription, &mut behind).await;
        let failed = page.is_err();
        if pages.send(page).await.is_err() {
            return;
        }
        if failed {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        } else {
            pause = PAUSES.0;
        }
    }
}

/// The next page: a large one straight from the database while there are many.
async fn next(log: &Log, subscription: &mut Subscription, behind: &mut bool) -> Result<Page> {
    let after = subscription.position();
    if *behind {
        let page = log.read(after, BEHIND).await?;
        *behind = page.through - after >= BEHIND;
        if page.through > after {
            subscription.seek(page.through);
            return Ok(page);
        }
    }
    let page = subscription.next().await?;
    *behind = page.through - after >= BEHIND / 2;
    Ok(page)
}

/// What a leadership has in hand.
struct Run<'a> {
    leader: &'a Leader<'a>,
    outlet: Arc<Outlet>,
    /// The last position of each partition, as produced.
    chain: Partitions,
    produced: i64,
    acknowledged: &'a mut Mirrored,
    /// The position that was written down last.
    written: i64,
    sent: VecDeque<Sent>,
    size: usize,
    writing: Option<BoxFuture<'static, (i64, Result<bool>)>>,
    /// Since when Kafka has acknowledged nothing of what is on its way.
    silent_since: Option<Instant>,
    /// Whether trouble is told that is not over yet.
    told: bool,
}

impl Run<'_> {
    async fn run(
        &mut self,
        mut incoming: mpsc::Receiver<Result<Page>>,
        shutdown: &CancellationToken,
        progress: &mut (dyn FnMut(i64) + Send),
    ) -> Result<End> {
        let lease = self.leader.lease;
        let mut ends_by = None;
        loop {
            self.land();
            self.outlet.board.expect(!self.sent.is_empty());
            if let Some(trouble) = self.outlet.board.trouble() {
                bail!("{trouble}");
            }
            self.write_down();
            let reached = self.leader.until.is_some_and(|until| self.written >= until);
            if reached || (ends_by.is_some() && self.is_clean()) {
                return Ok(if reached { End::Reached } else { End::Shutdown });
            }
            let enough = self
                .leader
                .until
                .is_some_and(|until| self.produced >= until);
            let takes = ends_by.is_none() && !enough && self.size < IN_FLIGHT;
            let board = Arc::clone(&self.outlet.board);
            tokio::select! {
                () = lease.lost() => return Ok(End::Deposed),
                () = shutdown.cancelled(), if ends_by.is_none() => {
                    ends_by = Some(Instant::now() + FLUSH);
                }
                () = until(ends_by) => return Ok(End::Shutdown),
                () = board.news.notified() => {}
                (position, written) = done(&mut self.writing) => {
                    self.writing = None;
                    if !self.take_note(position, written, progress) {
                        return Ok(End::Deposed);
                    }
                }
                () = until(self.silent_since.map(|since| since + SILENCE)), if !self.told => self.tell_silence(),
                page = incoming.recv(), if takes => {
                    let page = page.context("nobody reads the log any more")?;
                    match page {
                        Ok(page) => self.produce(page, shutdown).await?,
                        Err(error) => self.tell(&format!("{error:#}")),
                    }
                }
            }
            if !lease.is_held() {
                return Ok(End::Deposed);
            }
        }
    }

    /// Produces a page; the records' order in each partition is the log's.
    async fn produce(&mut self, page: Page, shutdown: &CancellationToken) -> Result<()> {
        let lease = self.leader.lease;
        if !lease.is_held() {
            return Ok(());
        }
        let gate = Gate {
            lease: lease.clone(),
            shutdown: shutdown.clone(),
        };
        let sent = if page.events.len() < LARGE {
            self.outlet.produce(&page, &mut self.chain, &gate)?
        } else {
            let (mut chain, outlet) = (take(&mut self.chain), Arc::clone(&self.outlet));
            let work = move || {
                let sent = outlet.produce(&page, &mut chain, &gate);
                sent.map(|sent| (sent, chain))
            };
            let (sent, chain) = spawn_blocking(work).await??;
            self.chain = chain;
            sent
        };
        self.produced = sent.through;
        self.size += sent.size;
        self.silent_since.get_or_insert_with(Instant::now);
        self.sent.push_back(sent);
        Ok(())
    }

    /// Takes what is acknowledged off the front.
    fn land(&mut self) {
        let mut landed = 0;
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.flight.has_landed()) {
            self.acknowledged.position = sent.through;
            for (topic, partition, position) in sent.ends.iter() {
                self.acknowledged.partitions.set(topic, partition, position);
            }
            self.size -= sent.size;
            landed += sent.records;
            self.silent_since = (!self.sent.is_empty()).then(Instant::now);
            self.recovered();
        }
        metrics::counter!("mart_relay_published_total").increment(landed);
    }

    /// Starts to write down how far Kafka has acknowledged, unless that is under way.
    fn write_down(&mut self) {
        if self.writing.is_none() && self.acknowledged.position > self.written {
            let lease = self.leader.lease.clone();
            let acknowledged = self.acknowledged.clone();
            let write = async move {
                let written = lease.checkpoint(&acknowledged).await;
                let written = written.context("cannot write down how far Kafka has acknowledged");
                if written.is_err() {
                    sleep(PAUSES.0).await;
                }
                (acknowledged.position, written)
            };
            self.writing = Some(write.boxed());
        }
    }

    /// False where another holds the lease now.
    fn take_note(
        &mut self,
        position: i64,
        written: Result<bool>,
        progress: &mut (dyn FnMut(i64) + Send),
    ) -> bool {
        match written {
            Ok(true) => {
                self.written = position;
                self.recovered();
                progress(position);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.tell(&format!("{error:#}"));
                true
            }
        }
    }

    /// Whether nothing is left to be acknowledged or written down.
    fn is_clean(&self) -> bool {
        self.sent.is_empty() && self.written == self.acknowledged.position
    }

    fn tell_silence(&mut self) {
        let reason = self.outlet.board.reason();
        let reason = reason.unwrap_or_else(|| "no answer".to_owned());
        let brokers = &self.leader.kafka.brokers;
        self.tell(&format!(
            "Kafka at {brokers} does not acknowledge: {reason}"
        ));
    }

    fn tell(&mut self, trouble: &str) {
        let before = self.leader.state.borrow().trouble().map(str::to_owned);
        if before.as_deref() != Some(trouble) {
            tracing::warn!(
                error = trouble,
                "the relay is stuck: {trouble}; trying again"
            );
        }
        self.told = true;
        let trouble = RelayState::Trouble(trouble.to_owned());
        self.leader.state.send_replace(trouble);
    }

    fn recovered(&mut self) {
        if take(&mut self.told) {
            tracing::info!("the relay goes on");
            self.leader.state.send_replace(RelayState::Leading);
        }
    }
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

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn done<T>(work: &mut Option<BoxFuture<'static, T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}
