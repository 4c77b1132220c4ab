//! Who may mirror: a lease on the database's time, kept while its holder lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::row::{self, Mirrored};

/// How long a lease lasts and how often it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a lease lasts that nobody renews.
    pub lease: Duration,
    /// How often its holder renews it.
    pub renew: Duration,
    /// How often the others look whether it is free.
    pub look: Duration,
    /// How long Kafka may acknowledge nothing before its holder begins anew, or leaves it to others where Kafka can't be
    /// reached from here.
    pub silence: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            renew: Duration::from_secs(3),
            look: Duration::from_secs(2),
            silence: Duration::from_secs(15),
        }
    }
}

/// How long the database has to take the lease back at the end.
const RELEASE: Duration = Duration::from_secs(2);

/// The lease, held and renewed; dropping it stops the renewing. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lease {
    pool: PgPool,
    epoch: i64,
    /// By this process' monotonic clock, which goes on while the process is paused.
    ends: watch::Receiver<Instant>,
    lost: CancellationToken,
    _renewing: Arc<DropGuard>,
}

impl Lease {
    /// Where nobody holds it; with the row as it is now.
    pub(super) async fn take(
        pool: &PgPool,
        holder: &str,
        pace: Pace,
    ) -> Result<Option<(Self, Mirrored)>> {
        let asked = Instant::now();
        let taken = row::take(pool, holder, pace.lease).await;
        let Some(taken) = taken.context("cannot ask for the relay's lease")? else {
            return Ok(None);
        };
        let lease = Self::held_since(asked, pool, taken.epoch, pace);
        Ok(Some((lease, taken.mirrored)))
    }

    /// Whoever holds it; the row starts anew from there. Waits until a holder that was alive has noticed.
    pub(super) async fn seize(
        pool: &PgPool,
        holder: &str,
        pace: Pace,
        from: &Mirrored,
    ) -> Result<Self> {
        let asked = Instant::now();
        let seized = row::seize(pool, holder, pace.lease, from).await;
        let seized = seized.context("cannot take the relay's lease")?;
        let lease = Self::held_since(asked, pool, seized.epoch, pace);
        if seized.was_held {
            sleep(pace.renew + Duration::from_secs(1)).await;
        }
        Ok(lease)
    }

    fn held_since(asked: Instant, pool: &PgPool, epoch: i64, pace: Pace) -> Self {
        let (extend, ends) = watch::channel(asked + pace.lease);
        let (lost, stop) = (CancellationToken::new(), CancellationToken::new());
        let renewing = renew(pool.clone(), epoch, pace, extend, lost.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(renewing));
        Self {
            pool: pool.clone(),
            epoch,
            ends,
            lost,
            _renewing: Arc::new(stop.drop_guard()),
        }
    }

    /// Which leadership this is.
    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Whether it is still ours, as far as can be known without asking.
    pub(super) fn is_held(&self) -> bool {
        !self.lost.is_cancelled() && Instant::now() < *self.ends.borrow()
    }

    /// Waits until it is not.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Writes down how far Kafka has acknowledged; false where the lease is lost.
    pub(super) async fn checkpoint(&self, acknowledged: &Mirrored) -> Result<bool, sqlx::Error> {
        let written = row::checkpoint(&self.pool, self.epoch, acknowledged).await?;
        if !written {
            self.lost.cancel();
        }
        Ok(written)
    }

    /// Gives it back, so that another takes it at once. Where the database does not answer it runs out by itself.
    pub(super) async fn release(self) {
        let released = timeout(RELEASE, row::release(&self.pool, self.epoch)).await;
        self.lost.cancel();
        if !matches!(released, Ok(Ok(()))) {
            tracing::debug!("the relay's lease could not be given back; it runs out by itself");
        }
    }
}

/// Renews until the lease is lost: taken by another, or over because the database did not answer or this process slept.
async fn renew(
    pool: PgPool,
    epoch: i64,
    pace: Pace,
    ends: watch::Sender<Instant>,
    lost: CancellationToken,
) {
    let mut pause = pace.renew;
    loop {
        let over = ends.borrow().saturating_duration_since(Instant::now());
        sleep(pause.min(over)).await;
        let asked = Instant::now();
        let over = ends.borrow().saturating_duration_since(asked);
        if over.is_zero() {
            break;
        }
        match timeout(over, row::renew(&pool, epoch, pace.lease)).await {
            Ok(Ok(true)) => {
                ends.send_replace(asked + pace.lease);
                pause = pace.renew;
            }
            Ok(Ok(false)) => break,
            Ok(Err(_)) | Err(_) => pause = pace.renew / 6,
        }
    }
    lost.cancel();
}
