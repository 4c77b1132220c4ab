//! A leadership at work: pages on their way, acknowledged in order, written down.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use event_store::Page;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::flight::{Gate, Outlet, Sent};
use super::leader::{End, Leader};
use super::row::Mirrored;
use super::{PAUSES, RelayState};
use crate::mirror::Partitions;

/// How much is on its way at once.
const IN_FLIGHT: usize = 16 * 1024 * 1024;
/// How many events make a page so large that it is no business of the runtime's threads.
const LARGE: usize = 64;
/// How long what is on its way has at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// How long Kafka may take before its silence is told.
const SILENCE: Duration = Duration::from_secs(5);

/// What a leadership has in hand.
pub(super) struct Run<'a> {
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

impl<'a> Run<'a> {
    /// Nothing is produced yet; what is acknowledged is written down.
    pub(super) fn new(
        leader: &'a Leader<'a>,
        outlet: Outlet,
        acknowledged: &'a mut Mirrored,
    ) -> Self {
        Self {
            leader,
            outlet: Arc::new(outlet),
            chain: acknowledged.partitions.clone(),
            produced: acknowledged.position,
            written: acknowledged.position,
            acknowledged,
            sent: VecDeque::new(),
            size: 0,
            writing: None,
            silent_since: None,
            told: false,
        }
    }

    /// Produces what comes in until one of these ends, or trouble.
    pub(super) async fn run(
        mut self,
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
                () = until(self.silent_since.map(|since| since + self.leader.silence)) => {
                    let (brokers, silence) = (&self.leader.kafka.brokers, self.leader.silence);
                    bail!("Kafka at {brokers} has acknowledged nothing for {silence:?}");
                }
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
