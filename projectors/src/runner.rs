//! Follows the log for each projection: a page, a transaction, the next page.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use event_store::{Log, Page, Published};
use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::checkpoint::WrongLog;
use crate::mirror::Partitions;
use crate::{ApplyError, Progress, Projection, ReadDatabases, Watched, checkpoint, projections};

/// Pauses while something is wrong: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How often a projection without news looks whether its tables are still as it left them.
const LOOK: Duration = Duration::from_secs(1);
/// How often the lag is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// Runs every projection until `shutdown`; a batch that has begun is finished. The tables must be there already.
///
/// Trouble (the database is away, an event can't be folded) is logged once, shown by `progress`, and tried again: a
/// projection never skips an event. One whose tables are not of this log (see [`check`](crate::check)) stays in trouble
/// and writes nothing until the next start.
#[must_use = "dropped, it stops in the middle: await what it returns"]
pub fn run(
    log: &Log,
    databases: &ReadDatabases,
    progress: &Progress,
    shutdown: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for projection in projections() {
        let follower = Follower {
            projection,
            log: log.clone(),
            pool: projection.database(databases).clone(),
            progress: progress.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(follower.run());
    }
    tasks.spawn(measure(log.clone(), progress.clone(), shutdown.clone()));
    tasks
}

struct Follower {
    projection: &'static dyn Projection,
    log: Log,
    pool: PgPool,
    progress: Progress,
    shutdown: CancellationToken,
}

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is applied.
    Page,
    /// Another process was faster, or switched the tables or their log: nothing of it is applied.
    ByAnother,
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
            let trouble = format!("{error:#}");
            // None when a page has been applied since the last trouble.
            let before = self.watched().trouble();
            self.watched().troubled(trouble.clone());
            if before.is_none() {
                pause = PAUSES.0;
            }
            if before.as_ref() != Some(&trouble) {
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
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
    }

    /// Follows the log until shutdown or trouble.
    async fn follow(&self) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        // In this order: meanwhile the log may only have grown.
        let found = checkpoint::find(&mut *connection, self.projection).await?;
        let log = self.log.identity().await?;
        if let Some(found) = found {
            found.check(&log)?;
        }
        let mut from = checkpoint::position(&mut connection, self.projection, &log).await?;
        let mut subscription = self.log.subscribe(from);
        // With nothing left to apply, whatever the trouble was is over: the databases have just answered.
        let mut stuck_before = self.watched().trouble().is_some() && from < log.head;
        self.show(from, stuck_before);
        loop {
            let page = tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                page = subscription.next() => Some(page?),
                () = sleep(LOOK) => None,
            };
            let Some(page) = page else {
                // Commits do not wait for the disk: a server that crashed comes back without the last ones.
                let found = checkpoint::position(&mut connection, self.projection, &log).await?;
                if found != from {
                    from = found;
                    subscription.seek(from);
                    self.show(from, stuck_before);
                }
                continue;
            };
            match commit_page(&mut connection, self.projection, log.id, from, &page).await? {
                Committed::Page => from = page.through,
                Committed::ByAnother => {
                    from = checkpoint::position(&mut connection, self.projection, &log).await?;
                    subscription.seek(from);
                }
            }
            self.show(from, false);
            if std::mem::take(&mut stuck_before) {
                let name = self.projection.name();
                tracing::info!(projection = name, "projection {name} goes on");
            }
        }
    }

    /// Tells how far the projection is. Whoever was stuck stays so until a page has been applied.
    fn show(&self, position: i64, stuck: bool) {
        let trouble = self.watched().trouble().filter(|_| stuck);
        self.watched().reached(position, Partitions::default());
        if let Some(trouble) = trouble {
            self.watched().troubled(trouble);
        }
        gauge("mart_projection_position", self.projection.name(), position);
    }

    fn watched(&self) -> &Watched {
        self.progress.of(self.projection.name())
    }
}

/// Applies a page and moves the checkpoint from `from` to its end, in one transaction. Where an event is refused, the
/// ones before it are applied, so that the checkpoint stands right in front of it.
pub(crate) async fn commit_page(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: Uuid,
    from: i64,
    page: &Page,
) -> Result<Committed, ApplyError> {
    let concerns =
        |event: &&Arc<Published>| event.position > from && projection.concerns(&event.message);
    let events: Vec<_> = page.events.iter().filter(concerns).cloned().collect();
    let refused = match commit(connection, projection, log, from, &events, page.through).await {
        Err(ApplyError::Refused(refused)) => refused,
        end => return end,
    };
    let before = events.partition_point(|event| event.position < refused.position);
    if refused.position - 1 > from {
        let through = refused.position - 1;
        commit(
            connection,
            projection,
            log,
            from,
            &events[..before],
            through,
        )
        .await?;
    }
    Err(refused.into())
}

async fn commit(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: Uuid,
    from: i64,
    events: &[Arc<Published>],
    through: i64,
) -> Result<Committed, ApplyError> {
    if events.is_empty() {
        let moved = checkpoint::advance(connection, projection, log, from, through).await?;
        return Ok(if moved {
            Committed::Page
        } else {
            Committed::ByAnother
        });
    }
    let mut transaction = connection.begin().await?;
    if !checkpoint::advance(&mut *transaction, projection, log, from, through).await? {
        transaction.rollback().await?;
        return Ok(Committed::ByAnother);
    }
    projection.apply(&mut transaction, events).await?;
    transaction.commit().await?;
    Ok(Committed::Page)
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

fn gauge(name: &'static str, projection: &'static str, value: i64) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; positions stay exact up to 2^53"
    )]
    metrics::gauge!(name, "projection" => projection).set(value as f64);
}
