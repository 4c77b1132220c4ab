//! A projection's tables, made anew from the log beside the live ones and switched without anyone noticing.
//!
//! The new tables grow in schema `<projection>_next`. When they have come to the log's head, one short transaction moves
//! the live ones to `<projection>_previous` and the new ones to their place; a statement reads the old ones or the new
//! ones, whole. (A transaction of isolation level `repeatable read` that began before and reads afterwards is the
//! exception: it sees the new tables as of its beginning.) Views on the tables are made anew on the new ones. From `<projection>_previous` there is a way back, until the
//! next rebuild, or until they are dropped.
//!
//! Of one projection there is one rebuild at a time: an advisory lock, held by the connection that writes, sees to that.
//! What a process leaves behind is gone on with by the next one.

mod begin;
mod lock;
mod record;
mod run;
mod switch;
mod tend;
mod views;

use chrono::{DateTime, Utc};
use event_store::Log;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::beside::Beside;
use crate::{Projection, ReadDatabases, Refused, projections};

pub use begin::{begin, begin_back};
pub use run::Begun;
pub(crate) use tend::tend;

use lock::Locked;

/// Why there is no rebuild, or no result of one.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// There is no such projection.
    #[error("there is no projection {0}")]
    Unknown(String),
    /// It is being rebuilt, or its previous tables are in use.
    #[error("projection {0} is being rebuilt already")]
    Running(&'static str),
    /// There is nothing to cancel.
    #[error("projection {0} is not being rebuilt")]
    NothingRunning(&'static str),
    /// There are no tables to go back to.
    #[error("projection {0} has no previous tables to go back to")]
    NoPrevious(&'static str),
    /// This program can't go on with the tables to go back to.
    #[error(
        "the previous tables of projection {name} are of version {found}, or were made before its tables were changed; this program needs version {known}"
    )]
    OtherPrevious {
        /// The projection.
        name: &'static str,
        /// Of the tables.
        found: i32,
        /// Of this program.
        known: i32,
    },
    /// Somebody cancelled it; nothing of it is left.
    #[error("the rebuild of projection {0} was cancelled")]
    Cancelled(&'static str),
    /// It was interrupted by the shutdown; what there is of it is kept for another time.
    #[error("the rebuild of projection {0} was interrupted; the next one goes on with it")]
    Stopped(&'static str),
    /// The log holds an event that its fold does not take; nothing of it is left.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Something else. What there is of it is kept.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

/// A rebuild that is not finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rebuilding {
    /// Up to here the log is applied to the new tables.
    pub position: i64,
    /// The log's last position, as far as is known.
    pub head: i64,
    /// Of the process that works on it.
    pub events_per_second: f64,
    /// At this rate; none while there is none.
    pub seconds_left: Option<f64>,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// The previous tables are on their way back.
    pub back: bool,
    /// A process works on it. Where not, it was interrupted, or ended without a result.
    pub running: bool,
    /// It was told to stop.
    pub cancelled: bool,
    /// Who works on it, or did.
    pub by: String,
    /// Why it ended without a result.
    pub error: Option<String>,
}

/// Tables that a rebuild replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Previous {
    /// Of their fold.
    pub version: i32,
    /// Up to here the log is applied to them.
    pub position: i64,
    /// Whether this program can go back to them.
    pub usable: bool,
}

/// What there is of a projection besides its live tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// A rebuild that is not finished.
    pub rebuild: Option<Rebuilding>,
    /// Tables that a rebuild replaced.
    pub previous: Option<Previous>,
}

/// What became of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The live tables have applied the log up to here.
    pub position: i64,
    /// What was already there of an earlier rebuild, or of the tables to go back to: it began after this position.
    pub resumed_at: i64,
}

/// The projection of that name.
pub fn projection(name: &str) -> Result<&'static dyn Projection, RebuildError> {
    let found = projections().into_iter().find(|p| p.name() == name);
    found.ok_or_else(|| RebuildError::Unknown(name.to_owned()))
}

/// Makes the tables anew and switches to them, or goes on with a rebuild that was interrupted. Tells its progress a few
/// times a second.
pub async fn rebuild(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    progress: &(dyn Fn(Rebuilding) + Sync),
    shutdown: &CancellationToken,
) -> Result<Rebuilt, RebuildError> {
    let begun = begin(log, databases, projection).await?;
    begun.run(progress, shutdown).await
}

/// Brings the previous tables to the log's head and switches back to them; the live ones are the previous ones then.
pub async fn go_back(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    progress: &(dyn Fn(Rebuilding) + Sync),
    shutdown: &CancellationToken,
) -> Result<Rebuilt, RebuildError> {
    let begun = begin_back(log, databases, projection).await?;
    begun.run(progress, shutdown).await
}

/// Whichever process rebuilds stops soon and drops what it has; one that was interrupted is dropped right here.
pub async fn cancel(
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
) -> Result<(), RebuildError> {
    let pool = projection.database(databases);
    if !record::ask_to_stop(pool, projection).await? {
        return Err(RebuildError::NothingRunning(projection.name()));
    }
    match Locked::try_once(pool, projection).await? {
        None => Ok(()),
        Some(mut locked) => {
            let undone = begin::undo(&mut locked.connection, projection).await;
            locked.release().await;
            Ok(undone?)
        }
    }
}

/// Drops the tables that a rebuild replaced: there is no way back then.
pub async fn drop_previous(
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
) -> Result<(), RebuildError> {
    let pool = projection.database(databases);
    let schema = previous(projection);
    let mut locked = Locked::take(pool, projection).await?;
    let connection = &mut locked.connection;
    let dropped = async {
        if !crate::beside::exists(&mut *connection, &schema).await? {
            return Err(RebuildError::NoPrevious(projection.name()));
        }
        Ok(Beside::drop(connection, &schema).await?)
    };
    let dropped = dropped.await;
    locked.release().await;
    dropped
}

/// What there is of the projection besides its live tables.
pub async fn status(
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
) -> anyhow::Result<Status> {
    let mut connection = projection.database(databases).acquire().await?;
    let record = record::find(&mut *connection, projection).await?;
    let held = lock::is_held(&mut connection, projection).await?;
    let previous = Beside::find(&mut connection, projection, &previous(projection)).await?;
    let shape = crate::beside::shape(&mut connection).await?;
    Ok(Status {
        rebuild: record.map(|record| record.progress(held)),
        previous: previous.map(|tables| Previous {
            version: tables.version(),
            position: tables.position(),
            usable: tables.fits(shape),
        }),
    })
}

/// Where the new tables grow.
fn next(projection: &dyn Projection) -> String {
    format!("{}_next", projection.name())
}

/// Where the live tables go.
fn previous(projection: &dyn Projection) -> String {
    format!("{}_previous", projection.name())
}

/// Where the ones before them wait to be dropped.
fn outdated(projection: &dyn Projection) -> String {
    format!("{}_outdated", projection.name())
}
