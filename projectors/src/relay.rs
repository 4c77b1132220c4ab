//! Mirrors the log to Kafka. Of several relays one does, the one that holds the lease.
//!
//! The log is the truth: a relay reads it by position, produces each event on its topics, and writes down how far Kafka
//! has acknowledged. What it can't say for sure it produces again: each record names the position before it in its
//! partition, so whoever reads knows a duplicate from a hole.

mod flight;
mod lag;
mod leader;
mod lease;
mod reading;
mod republish;
mod row;
mod run;

use std::time::Duration;

use anyhow::Result;
use event_store::Log;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use lease::Pace;
pub use republish::{Republished, republish};
pub use row::{Mirrored, mirrored};
pub(crate) use row::{Reached, reached};

use crate::mirror::Kafka;
use crate::mirror::topics::Topics;
use leader::{End, Leader};
use lease::Lease;

/// Pauses while something is wrong: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// One of the relays.
pub struct Relay {
    log: Log,
    kafka: Kafka,
    pace: Pace,
    state: watch::Sender<RelayState>,
}

/// What a relay is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// Kafka has not answered yet; why not.
    WaitingForKafka(String),
    /// Another relay mirrors the log.
    Standby,
    /// It mirrors the log.
    Leading,
    /// It should mirror the log, and can't at the moment; why not.
    Trouble(String),
}

impl RelayState {
    /// Whether this relay is the one that mirrors the log.
    #[must_use]
    pub fn leads(&self) -> bool {
        matches!(self, Self::Leading | Self::Trouble(_))
    }

    /// What is wrong, where something is.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::WaitingForKafka(trouble) | Self::Trouble(trouble) => Some(trouble),
            Self::Standby | Self::Leading => None,
        }
    }
}

impl Relay {
    /// Does nothing until it runs.
    #[must_use]
    pub fn new(log: &Log, kafka: Kafka) -> Self {
        let waiting = format!("waiting for Kafka at {}", kafka.brokers);
        Self {
            log: log.clone(),
            kafka,
            pace: Pace::default(),
            state: watch::Sender::new(RelayState::WaitingForKafka(waiting)),
        }
    }

    /// With other times than the usual ones. All relays of a log must agree.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<RelayState> {
        self.state.subscribe()
    }

    /// Mirrors the log, or stands by, until `shutdown`: then what is on its way has five seconds to be acknowledged, and
    /// the lease is given back. Trouble is told once and tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let measuring = lag::measure(self.log.clone(), self.state.subscribe());
        tokio::select! {
            () = measuring => {}
            () = self.work(&shutdown) => {}
        }
    }

    async fn work(&self, shutdown: &CancellationToken) {
        let holder = holder();
        while let Some(topics) = shutdown.run_until_cancelled(self.find_kafka()).await {
            let standing_by = shutdown.run_until_cancelled(self.stand_by(&holder));
            let Some((lease, mirrored)) = standing_by.await else {
                return;
            };
            self.lead(lease, mirrored, &topics, shutdown).await;
            if shutdown.is_cancelled() {
                return;
            }
        }
    }

    /// Waits until Kafka answers: a relay that can't reach it leaves the lease to others.
    async fn find_kafka(&self) -> Topics {
        let mut told = false;
        let mut pause = PAUSES.0;
        loop {
            let error = match self.ask_kafka().await {
                Ok(topics) => {
                    if told {
                        tracing::info!("Kafka answers");
                    }
                    return topics;
                }
                Err(error) => error,
            };
            let waiting = format!("waiting for Kafka at {}: {error:#}", self.kafka.brokers);
            if !told {
                tracing::warn!("{waiting}");
                told = true;
            }
            self.state
                .send_replace(RelayState::WaitingForKafka(waiting));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn ask_kafka(&self) -> Result<Topics> {
        let topics = Topics::of(&self.kafka)?;
        topics.present().await?;
        Ok(topics)
    }

    /// Waits until the lease is free.
    async fn stand_by(&self, holder: &str) -> (Lease, Mirrored) {
        self.state.send_replace(RelayState::Standby);
        let mut told = None;
        loop {
            match Lease::take(self.log.pool(), holder, self.pace).await {
                Ok(Some(taken)) => return taken,
                Ok(None) => told = None,
                Err(error) => {
                    let error = format!("{error:#}");
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(error, "the relay cannot stand by; trying again");
                        told = Some(error);
                    }
                }
            }
            sleep(self.pace.look).await;
        }
    }

    /// Leads for as long as the lease is held.
    async fn lead(
        &self,
        lease: Lease,
        mut mirrored: Mirrored,
        topics: &Topics,
        shutdown: &CancellationToken,
    ) {
        let (epoch, position) = (lease.epoch(), mirrored.position);
        tracing::info!(
            epoch,
            position,
            "mirrors the log to Kafka from position {position}"
        );
        let mut leader = Leader {
            log: &self.log,
            kafka: &self.kafka,
            topics,
            lease: &lease,
            silence: self.pace.silence,
            state: &self.state,
            until: None,
            told_empty: Vec::new(),
        };
        let mut pause = PAUSES.0;
        loop {
            let before = mirrored.position;
            let end = leader.lead(&mut mirrored, shutdown, &mut |_| {}).await;
            let error = match end {
                Ok(End::Deposed) => break,
                Ok(End::Shutdown | End::Reached) => return lease.release().await,
                Err(_) if shutdown.is_cancelled() => return lease.release().await,
                Err(_) if !lease.is_held() => break,
                Err(error) => format!("{error:#}"),
            };
            if mirrored.position > before {
                pause = PAUSES.0;
            }
            let trouble = RelayState::Trouble(error.clone());
            if self.state.send_replace(trouble.clone()) != trouble {
                tracing::warn!(error, "the relay is stuck: {error}; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => return lease.release().await,
                () = lease.lost() => break,
                there = topics.present() => if there.is_err() {
                    // Another relay may reach it.
                    return lease.release().await;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return lease.release().await,
                () = lease.lost() => break,
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
        tracing::warn!(epoch, "no longer mirrors the log: its lease is over");
    }
}

/// By which people know a relay.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} pid {}", host.trim(), std::process::id())
        .trim_start()
        .to_owned()
}
