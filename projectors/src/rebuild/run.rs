//! From where it begins to the log's head, and then the switch.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Result;
use event_store::{Identity, Log};
use sqlx::{Executor as _, PgPool};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::lock::Locked;
use super::switch::{Switched, switch};
use super::{RebuildError, Rebuilding, Rebuilt, begin, next, record};
use crate::beside::{Beside, quoted};
use crate::runner::gauge;
use crate::{ApplyError, Projection, Refused};

/// How often the progress is told, and looked whether to stop.
const TELL: Duration = Duration::from_millis(200);
/// So few events are left for the switch at most: meanwhile nothing else applies any.
const NEAR: i64 = 500;
/// Pauses between attempts to switch: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// After so many attempts that somebody was in the way is worth a word.
const MANY: u32 = 20;

/// A rebuild that holds its projection's lock, and has tables to fill.
pub struct Begun {
    pub(super) locked: Locked,
    pub(super) beside: Beside,
    pub(super) log: Log,
    pub(super) identity: Identity,
    pub(super) pool: PgPool,
    pub(super) projection: &'static dyn Projection,
    pub(super) resumed_at: i64,
}

/// What the one who works and the one who tells share.
struct Shared {
    position: AtomicI64,
    head: AtomicI64,
    cancelled: AtomicBool,
    /// After the page in hand.
    stop: CancellationToken,
    /// It is over.
    over: CancellationToken,
}

impl Begun {
    /// Fills the tables and switches to them. Once `shutdown` is cancelled it ends soon, and what there is waits for
    /// somebody to go on.
    pub async fn run(
        self,
        progress: &(dyn Fn(Rebuilding) + Sync),
        shutdown: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        let Self {
            mut locked,
            mut beside,
            log,
            identity,
            pool,
            projection,
            resumed_at,
        } = self;
        let shared = Shared {
            position: AtomicI64::new(beside.position()),
            head: AtomicI64::new(identity.head),
            cancelled: AtomicBool::new(false),
            stop: shutdown.child_token(),
            over: CancellationToken::new(),
        };
        let work = async {
            let mut working = Working {
                locked: &mut locked,
                beside: &mut beside,
                log: &log,
                identity: &identity,
                pool: &pool,
                projection,
                shared: &shared,
            };
            let done = working.work().await;
            shared.over.cancel();
            done
        };
        let (done, ()) = tokio::join!(work, tell(&shared, &pool, projection, progress));
        let end = match done {
            Ok(true) => Ok(Rebuilt {
                position: beside.position(),
                resumed_at,
            }),
            Ok(false) if shared.cancelled.load(Ordering::Relaxed) => {
                let undone = begin::undo(&mut locked.connection, projection).await;
                Err(undone.map_or_else(Into::into, |()| RebuildError::Cancelled(projection.name())))
            }
            Ok(false) => Err(RebuildError::Stopped(projection.name())),
            Err(error) => match refused(&error) {
                Some(refused) => {
                    let text = refused.to_string();
                    let failed = begin::fail(&mut locked.connection, projection, &text).await;
                    Err(failed.map_or_else(Into::into, |()| refused.into()))
                }
                None => Err(error.into()),
            },
        };
        locked.release().await;
        if end.is_ok() {
            let name = projection.name();
            tracing::info!(projection = name, "projection {name} was rebuilt");
        }
        end
    }
}

struct Working<'a> {
    locked: &'a mut Locked,
    beside: &'a mut Beside,
    log: &'a Log,
    identity: &'a Identity,
    pool: &'a PgPool,
    projection: &'static dyn Projection,
    shared: &'a Shared,
}

impl Working<'_> {
    /// False where it was told to stop.
    async fn work(&mut self) -> Result<bool> {
        if !self.come_near().await? {
            return Ok(false);
        }
        // So that the first one to read the new tables has statistics, and nothing to clean up.
        for table in self.projection.tables() {
            let (schema, table) = (quoted(&next(self.projection)), quoted(table));
            let vacuum = format!("vacuum (analyze) {schema}.{table}");
            if !self.execute(&vacuum).await? {
                return Ok(false);
            }
        }
        let mut pause = PAUSES.0;
        for attempt in 1.. {
            if !self.come_near().await? {
                return Ok(false);
            }
            let connection = &mut self.locked.connection;
            match switch(connection, self.beside, self.log, self.identity, NEAR * 4).await? {
                Switched::Yes => {
                    let outdated = super::outdated(self.projection);
                    if let Err(error) = Beside::drop(connection, &outdated).await {
                        let error = format!("{error:#}");
                        tracing::warn!(error, "tables that nobody needs could not be dropped");
                    }
                    self.shared
                        .position
                        .store(self.beside.position(), Ordering::Relaxed);
                    return Ok(true);
                }
                Switched::Cancelled => {
                    self.shared.cancelled.store(true, Ordering::Relaxed);
                    return Ok(false);
                }
                Switched::NotNow => {}
            }
            if attempt == MANY {
                let name = self.projection.name();
                tracing::warn!(
                    projection = name,
                    "the rebuild of projection {name} waits until nobody holds its tables for longer than a moment"
                );
            }
            self.found().await?;
            tokio::select! {
                () = self.shared.stop.cancelled() => return Ok(false),
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
        Ok(false)
    }

    /// Executes what may take its time; false where it was told to stop meanwhile.
    async fn execute(&mut self, statement: &str) -> Result<bool> {
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut self.locked.connection)
            .await?;
        let mut executing = self.locked.connection.execute(statement);
        tokio::select! {
            executed = &mut executing => {
                executed?;
                return Ok(!self.shared.stop.is_cancelled());
            }
            () = self.shared.stop.cancelled() => {}
        }
        sqlx::query("select pg_cancel_backend($1)")
            .bind(pid)
            .execute(self.pool)
            .await?;
        // It was cancelled, or was faster.
        let _ = executing.await;
        Ok(false)
    }

    /// Applies the log until next to nothing of it is left; false where it was told to stop.
    async fn come_near(&mut self) -> Result<bool> {
        loop {
            let head = self.log.head().await?;
            let left = head - self.beside.position();
            let shared = self.shared;
            shared.head.store(head, Ordering::Relaxed);
            let progress = |position| shared.position.store(position, Ordering::Relaxed);
            let connection = &mut self.locked.connection;
            self.beside
                .fold(connection, self.log, head, &shared.stop, &progress)
                .await?;
            if shared.stop.is_cancelled() {
                return Ok(false);
            }
            if left <= NEAR {
                return Ok(true);
            }
        }
    }

    /// After a transaction that was rolled back.
    async fn found(&mut self) -> Result<()> {
        let (connection, schema) = (&mut self.locked.connection, next(self.projection));
        let found = Beside::find(connection, self.projection, &schema).await?;
        if let Some(found) = found {
            *self.beside = found;
        }
        Ok(())
    }
}

/// Tells how far it is until it is over, and stops it where somebody asked for that.
async fn tell(
    shared: &Shared,
    pool: &PgPool,
    projection: &'static dyn Projection,
    progress: &(dyn Fn(Rebuilding) + Sync),
) {
    let name = projection.name();
    loop {
        let (position, head) = (
            shared.position.load(Ordering::Relaxed),
            shared.head.load(Ordering::Relaxed),
        );
        gauge("mart_rebuild_position", name, position);
        gauge("mart_rebuild_head", name, head);
        // A database that is away is trouble of the one who works.
        if let Ok(Some(record)) = record::tell(pool, projection, position, head).await {
            if record.cancel {
                shared.cancelled.store(true, Ordering::Relaxed);
                shared.stop.cancel();
            }
            progress(record.progress(true));
        }
        tokio::select! {
            () = shared.over.cancelled() => return,
            () = sleep(TELL) => {}
        }
    }
}

fn refused(error: &anyhow::Error) -> Option<Refused> {
    match error.downcast_ref()? {
        ApplyError::Refused(refused) => Some(refused.clone()),
        ApplyError::Database(_) => None,
    }
}
