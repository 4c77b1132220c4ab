//! The end, in order: no new requests, what has begun is finished, the read models catch up, the databases close.

use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    health,
    start::{Parts, RunningShop},
};

// Requests may take 15 s (`service::server::DRAIN`), mails meanwhile 10; with Postgres' own stop it stays below 25.
const MAILS: Duration = Duration::from_secs(11);
const CATCHING_UP: Duration = Duration::from_secs(2);
const LAST_WORK: Duration = Duration::from_secs(2);

/// What tells each part of the shop to stop.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    pub(crate) requests: CancellationToken,
    pub(crate) mails: CancellationToken,
    pub(crate) reactions: CancellationToken,
    pub(crate) projections: CancellationToken,
    pub(crate) health: CancellationToken,
}

impl RunningShop {
    /// Resolves when something ended that must not: the embedded Postgres, or a part of the shop.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            how = self.servers.died() => return anyhow!("the embedded Postgres ended: {how}"),
            Some(ended) = self.parts.serving.next_end() => ended,
            Some(ended) = self.parts.working.next_end() => ended,
        };
        match ended {
            (name, Ok(())) => anyhow!("{name} ended too early"),
            (name, Err(error)) => anyhow!("{name} ended: {error}"),
        }
    }

    /// Stops everything, in order; what was begun is finished.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        let Parts {
            common,
            log,
            stops,
            mut serving,
            mut working,
            projecting,
            ..
        } = self.parts;
        let mails_end = Instant::now() + MAILS;
        health::stopping(&common);
        stops.health.cancel();
        stops.mails.cancel();
        stops.requests.cancel();
        serving.end().await;
        stops.reactions.cancel();
        if let (Some(progress), Ok(head)) = (projecting, log.head().await) {
            // The next start goes on from wherever they are.
            let _reached = progress
                .wait_for_all(head, Instant::now() + CATCHING_UP)
                .await;
        }
        stops.projections.cancel();
        if timeout_at(mails_end.max(Instant::now() + LAST_WORK), working.end())
            .await
            .is_err()
        {
            tracing::warn!("some work was not finished in time; the next start goes on with it");
        }
        self.servers.stop().await
    }

    /// Drops everything at once: for a shop whose Postgres is gone, where nothing can be finished.
    pub async fn abandon(self) -> anyhow::Result<()> {
        health::stopping(&self.parts.common);
        drop(self.parts);
        self.servers.stop().await
    }
}

/// Waits for one more SIGTERM or SIGINT.
pub async fn another_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("can't hear signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't hear signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
