//! Following the log itself: a page, a transaction, the next page.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use event_store::{Identity, Page, Published};
use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use super::parked;
use crate::checkpoint::{self, Place};
use crate::runner::Follower;
use crate::{ApplyError, Projection};

/// How often a projection without news looks whether its tables are still as it left them.
const LOOK: Duration = Duration::from_secs(1);

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
enum Committed {
    /// It is applied.
    Page,
    /// Another process was faster, or switched the tables or their log: nothing of it is applied.
    ByAnother,
}

/// Follows the log until shutdown or trouble.
pub(crate) async fn follow_log(follower: &Follower) -> Result<()> {
    let projection = follower.projection;
    let mut connection = follower.pool.acquire().await?;
    let (log, mut place) = begin(follower, &mut connection).await?;
    if place.parked > 0 {
        let still = parked::retry(&mut connection, projection, &follower.log, log.id).await?;
        let waiting = still.first().map_or(String::new(), ToString::to_string);
        // Who follows the log alone has nowhere to put what it can't apply, so it stops in front of it.
        ensure!(still.is_empty(), "{waiting}");
        place.parked = 0;
    }
    let mut subscription = follower.log.subscribe(place.position);
    // With nothing left to apply, whatever the trouble was is over: the databases have just answered.
    let mut stuck_before = follower.watched().trouble().is_some() && place.position < log.head;
    follower.show(&place, stuck_before);
    loop {
        let page = tokio::select! {
            () = follower.shutdown.cancelled() => return Ok(()),
            page = subscription.next() => Some(page?),
            () = sleep(LOOK) => None,
        };
        let Some(page) = page else {
            // Commits do not wait for the disk: a server that crashed comes back without the last ones.
            let found = checkpoint::place(&mut connection, projection, &log).await?;
            if found.position != place.position {
                place = found;
                subscription.seek(place.position);
                follower.show(&place, stuck_before);
            }
            continue;
        };
        let from = place.position;
        match commit_page(&mut connection, projection, log.id, from, &page).await? {
            Committed::Page => place.position = page.through,
            Committed::ByAnother => {
                place = checkpoint::place(&mut connection, projection, &log).await?;
                subscription.seek(place.position);
            }
        }
        follower.show(&place, false);
        if std::mem::take(&mut stuck_before) {
            follower.goes_on();
        }
    }
}

/// Where the projection stands, in tables that are of this log.
pub(super) async fn begin(
    follower: &Follower,
    connection: &mut PgConnection,
) -> Result<(Identity, Place)> {
    // In this order: meanwhile the log may only have grown.
    let found = checkpoint::find(&mut *connection, follower.projection).await?;
    let log = follower.log.identity().await?;
    if let Some(found) = found {
        found.check(&log)?;
    }
    let place = checkpoint::place(connection, follower.projection, &log).await?;
    Ok((log, place))
}

/// Applies a page and moves the checkpoint from `from` to its end, in one transaction. Where an event is refused, the
/// ones before it are applied, so that the checkpoint stands right in front of it.
async fn commit_page(
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
        return Ok(moved.map_or(Committed::ByAnother, |_| Committed::Page));
    }
    let mut transaction = connection.begin().await?;
    let moved = checkpoint::advance(&mut *transaction, projection, log, from, through).await?;
    if moved.is_none() {
        transaction.rollback().await?;
        return Ok(Committed::ByAnother);
    }
    projection.apply(&mut transaction, events).await?;
    transaction.commit().await?;
    Ok(Committed::Page)
}
