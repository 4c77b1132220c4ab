//! At the start: whatever was interrupted is gone on with, tables of an earlier version are made anew, and nothing is left
//! lying about.

use std::time::Duration;

use anyhow::Result;
use event_store::Log;
use sqlx::PgConnection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::lock::Locked;
use super::record::{self, Way};
use super::{Begun, RebuildError, begin};
use crate::{Projection, ReadDatabases, checkpoint, verify};

/// Pauses while something is wrong: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Sees to it until nothing is left to be done; trouble is logged once, and tried again.
pub(crate) async fn tend(
    log: Log,
    databases: ReadDatabases,
    projection: &'static dyn Projection,
    shutdown: CancellationToken,
) {
    let name = projection.name();
    let (mut pause, mut told) = (PAUSES.0, None);
    loop {
        let end = look(&log, &databases, projection, &shutdown).await;
        let error = match end {
            Ok(()) | Err(RebuildError::Stopped(_) | RebuildError::Cancelled(_)) => return,
            // Another process sees to it, unless it dies.
            Err(RebuildError::Running(_)) => None,
            Err(error @ RebuildError::Refused(_)) => {
                tracing::error!(projection = name, %error, "projection {name} cannot be rebuilt");
                return;
            }
            Err(error) => Some(format!("{:#}", anyhow::Error::new(error))),
        };
        if error.is_some() && error != told {
            let error = error.clone();
            tracing::error!(
                projection = name,
                error,
                "projection {name} cannot be rebuilt now; trying again"
            );
        }
        told = error.or(told);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
        }
    }
}

async fn look(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    shutdown: &CancellationToken,
) -> Result<(), RebuildError> {
    let pool = projection.database(databases);
    let Some(mut locked) = Locked::try_once(pool, projection).await? else {
        return Err(RebuildError::Running(projection.name()));
    };
    let way = match what_to_do(&mut locked.connection, projection).await {
        Ok(Some(way)) => way,
        end => {
            locked.release().await;
            return end.map(drop).map_err(Into::into);
        }
    };
    let begun: Begun = begin::with(locked, log, databases, projection, way).await?;
    let name = projection.name();
    tracing::info!(projection = name, "projection {name} is rebuilt");
    begun.run(&|_| (), shutdown).await.map(drop)
}

/// Which way to go; none where there is nothing to be done, or no longer.
async fn what_to_do(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
) -> Result<Option<Way>> {
    let live = checkpoint::find(&mut *connection, projection).await?;
    let is_old = live.is_some_and(|live| live.version() < projection.version());
    let record = record::find(&mut *connection, projection).await?;
    let open = record.filter(record::Record::is_open);
    verify::clear(connection, projection).await?;
    if open.is_none() {
        begin::undo(connection, projection).await?;
    }
    Ok(match open {
        _ if is_old => Some(Way::On),
        Some(record) if record.back => Some(Way::Back),
        Some(_) => Some(Way::On),
        None => None,
    })
}
