//! The end, in order: no new requests, what has begun is finished, the read models catch up, the databases close.

use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    databases::STOPPING,
    health,
    start::{Parts, RunningShop},
};

/// How long the end may take altogether: whoever sent the signal will not wait for more than 25 s.
const WHOLE: Duration = Duration::from_secs(23);
// Requests may take 15 s of it (`service::server::DRAIN`), mails meanwhile 10; Postgres gets what is left.
const REQUESTS: Duration = Duration::from_secs(16);
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
    pub(crate) relay: CancellationToken,
    pub(crate) sealing: CancellationToken,
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
            rebuilds,
            ..
        } = self.parts;
        let begin = Instant::now();
        health::stopping(&common);
        stops.health.cancel();
        stops.mails.cancel();
        stops.requests.cancel();
        rebuilds.stop();
        if timeout_at(begin + REQUESTS, serving.end()).await.is_err() {
            tracing::warn!("some requests were not finished in time");
        }
        stops.reactions.cancel();
        if let Some(progress) = projecting {
            let end = Instant::now() + CATCHING_UP;
            // The next start goes on from wherever they are.
            if let Ok(Ok(head)) = timeout_at(end, log.head()).await {
                let _reached = progress.wait_for_all(head, end).await;
            }
        }
        stops.projections.cancel();
        // After the projections: they may follow what it publishes.
        stops.relay.cancel();
        // After the last append: its last round seals that, too.
        stops.sealing.cancel();
        let work_end = (begin + MAILS).max(Instant::now() + LAST_WORK);
        let ending = async { tokio::join!(rebuilds.end(), working.end()) };
        if timeout_at(work_end, ending).await.is_err() {
            tracing::warn!("some work was not finished in time; the next start goes on with it");
        }
        drop((serving, working));
        self.servers
            .stop(WHOLE.saturating_sub(begin.elapsed()))
            .await
    }

    /// Drops everything at once: for a shop whose Postgres is gone, where nothing can be finished.
    pub async fn abandon(self) -> anyhow::Result<()> {
        health::stopping(&self.parts.common);
        self.parts.rebuilds.stop();
        drop(self.parts);
        self.servers.stop(STOPPING).await
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
