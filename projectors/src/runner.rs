//! Keeps every projection going: each follows the log, or its mirror in Kafka, and tries again after trouble.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::anyhow;
use event_store::Log;
use futures::FutureExt as _;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Outdated, Place, WrongLog};
use crate::follower::{self, Lookout};
use crate::mirror::Kafka;
use crate::{Progress, Projection, ReadDatabases, Watched, projections, rebuild};

/// Pauses while something is wrong: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How often the lag is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// Runs every projection until `shutdown`; a batch that has begun is finished. The tables must be there already.
///
/// Trouble (the database is away, an event can't be folded) is logged once, shown by `progress`, and tried again: a
/// projection never skips an event. One whose tables are not of this log (see [`check`](crate::check)) stays in trouble
/// and writes nothing until the next start.
///
/// A rebuild that was interrupted is gone on with. Tables of an earlier version than this program's are rebuilt: they are
/// shown as they were until then.
///
/// With `kafka` they follow the log's mirror there, and read from the log what is missing in it; an event that can't be
/// folded goes to the dead letters then, and its aggregate waits for a start that can apply it.
#[must_use = "dropped, it stops in the middle: await what it returns"]
pub fn run(
    log: &Log,
    databases: &ReadDatabases,
    progress: &Progress,
    kafka: Option<&Kafka>,
    shutdown: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mirror = kafka.map(|kafka| {
        let (lookout, looking) = Lookout::new(log);
        tasks.spawn(looking.run(shutdown.clone()));
        (kafka.clone(), lookout)
    });
    for projection in projections() {
        let follower = Follower {
            projection,
            log: log.clone(),
            pool: projection.database(databases).clone(),
            progress: progress.clone(),
            mirror: mirror.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(follower.run());
        let (log, databases) = (log.clone(), databases.clone());
        tasks.spawn(rebuild::tend(log, databases, projection, shutdown.clone()));
    }
    tasks.spawn(measure(log.clone(), progress.clone(), shutdown.clone()));
    tasks
}

/// One projection's follower.
pub(crate) struct Follower {
    pub projection: &'static dyn Projection,
    pub log: Log,
    pub pool: PgPool,
    pub progress: Progress,
    pub mirror: Option<(Kafka, Lookout)>,
    pub shutdown: CancellationToken,
}

impl Follower {
    async fn run(self) {
        let name = self.projection.name();
        let mut pause = PAUSES.0;
        loop {
            let end = AssertUnwindSafe(self.follow()).catch_unwind().await;
            let Err(error) = end.unwrap_or_else(|_| Err(anyhow!("its fold panicked"))) else {
                return;
            };
            let wrong_log = error.is::<WrongLog>();
            let outdated = error.is::<Outdated>();
            let trouble = format!("{error:#}");
            // None when a page has been applied since the last trouble.
            let before = self.watched().trouble();
            self.watched().troubled(trouble.clone());
            if before.is_none() {
                pause = PAUSES.0;
            }
            if before.as_ref() == Some(&trouble) {
                // Said before.
            } else if outdated {
                tracing::info!(projection = name, "{trouble}");
            } else {
                tracing::error!(
                    projection = name,
                    error = trouble,
                    "projection {name} is stuck; {}",
                    if wrong_log {
                        "it waits for a new start"
                    } else {
                        "trying again"
                    },
                );
            }
            if wrong_log {
                // No second look: a log that is too short grows by other events than those that were applied.
                return self.shutdown.cancelled().await;
            }
            if outdated {
                pause = PAUSES.0;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
    }

    async fn follow(&self) -> anyhow::Result<()> {
        match &self.mirror {
            None => follower::follow_log(self).await,
            Some((kafka, lookout)) => follower::follow_mirror(self, kafka, lookout).await,
        }
    }

    /// Tells how far the projection is. Whoever was stuck stays so until a page has been applied.
    pub(crate) fn show(&self, place: &Place, stuck: bool) {
        let trouble = self.watched().trouble().filter(|_| stuck);
        self.watched()
            .reached(place.position, place.partitions.clone());
        if let Some(trouble) = trouble {
            self.watched().troubled(trouble);
        }
        let name = self.projection.name();
        gauge("mart_projection_position", name, place.position);
        gauge("mart_projection_parked", name, place.parked);
    }

    /// Tells, after trouble, that it is over.
    pub(crate) fn goes_on(&self) {
        let name = self.projection.name();
        tracing::info!(projection = name, "projection {name} goes on");
    }

    pub(crate) fn watched(&self) -> &Watched {
        self.progress.of(self.projection.name())
    }
}

/// Shows how far behind the log's head the projections are.
async fn measure(log: Log, progress: Progress, shutdown: CancellationToken) {
    loop {
        // Without the head there is no lag to show; that the database is away is told by whoever needs it.
        if let Ok(head) = log.head().await {
            for watched in progress.all() {
                let lag = head.saturating_sub(watched.position()).max(0);
                gauge("mart_projection_lag", watched.name(), lag);
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(MEASURE) => {}
        }
    }
}

pub(crate) fn gauge(name: &'static str, projection: &'static str, value: i64) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; positions stay exact up to 2^53"
    )]
    metrics::gauge!(name, "projection" => projection).set(value as f64);
}
