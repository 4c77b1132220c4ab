//! The beginning: of new tables, of the way back, or of the rest of what was interrupted.

use anyhow::{Context as _, Result};
use event_store::{Identity, Log};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::lock::Locked;
use super::record::{self, Way};
use super::{Begun, RebuildError, next, outdated, previous, views};
use crate::beside::{self, Beside, quoted};
use crate::{Projection, ReadDatabases, checkpoint};

/// Takes the projection's lock and makes the new tables, unless there are some to go on with: [`Begun::run`] does the rest.
pub async fn begin(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
) -> Result<Begun, RebuildError> {
    begin_way(log, databases, projection, Way::On).await
}

/// Takes the projection's lock, and the previous tables to bring them to the log's head.
pub async fn begin_back(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
) -> Result<Begun, RebuildError> {
    begin_way(log, databases, projection, Way::Back).await
}

async fn begin_way(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    way: Way,
) -> Result<Begun, RebuildError> {
    let pool = projection.database(databases);
    let locked = Locked::take(pool, projection).await?;
    with(locked, log, databases, projection, way).await
}

/// The same with the lock in hand.
pub(super) async fn with(
    mut locked: Locked,
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    way: Way,
) -> Result<Begun, RebuildError> {
    let connection = &mut locked.connection;
    match tables(connection, log, projection, way).await {
        Ok((beside, identity)) => Ok(Begun {
            resumed_at: beside.position(),
            locked,
            beside,
            identity,
            log: log.clone(),
            pool: projection.database(databases).clone(),
            projection,
        }),
        Err(error) => {
            locked.release().await;
            Err(error)
        }
    }
}

async fn tables(
    connection: &mut PgConnection,
    log: &Log,
    projection: &'static dyn Projection,
    way: Way,
) -> Result<(Beside, Identity), RebuildError> {
    views::none_is_materialised(connection, projection).await?;
    let identity = ours(connection, log, projection).await?;
    let shape = beside::shape(connection).await?;
    if let Some(beside) = interrupted(connection, projection, &identity, shape, way).await? {
        let (position, head) = (beside.position(), identity.head);
        record::resume(connection, projection, position, head).await?;
        return Ok((beside, identity));
    }
    undo(connection, projection).await?;
    let schema = next(projection);
    if way == Way::On {
        let beside = Beside::make(connection, projection, &schema, &identity).await?;
        record::begin(connection, projection, shape, 0, identity.head, way).await?;
        return Ok((beside, identity));
    }
    let name = projection.name();
    let found = Beside::find(connection, projection, &previous(projection)).await?;
    let found = found.ok_or(RebuildError::NoPrevious(name))?;
    if !found.fits(shape) || !found.is_of(&identity) {
        return Err(RebuildError::OtherPrevious {
            name,
            found: found.version(),
            known: projection.version(),
        });
    }
    let mut transaction = connection.begin().await?;
    rename(&mut transaction, &previous(projection), &schema).await?;
    let position = found.position();
    record::begin(
        &mut transaction,
        projection,
        shape,
        position,
        identity.head,
        way,
    )
    .await?;
    transaction.commit().await?;
    let beside = Beside::find(connection, projection, &schema).await?;
    Ok((beside.context("the previous tables are gone")?, identity))
}

/// The log, which the live tables were made from. Makes their checkpoint where there is none yet, and
/// says whose it is.
async fn ours(
    connection: &mut PgConnection,
    log: &Log,
    projection: &dyn Projection,
) -> Result<Identity> {
    // In this order: meanwhile the log may only have grown.
    let found = checkpoint::find(&mut *connection, projection).await?;
    let identity = log.identity().await?;
    if let Some(found) = found {
        found.check(&identity)?;
    }
    checkpoint::claim(connection, projection, &identity).await?;
    Ok(identity)
}

/// What was left of one that went the same way, if it can be gone on with.
async fn interrupted(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
    log: &Identity,
    shape: i64,
    way: Way,
) -> Result<Option<Beside>> {
    let Some(record) = record::find(&mut *connection, projection).await? else {
        return Ok(None);
    };
    let same = record.version == projection.version() && record.shape == shape;
    if !same || !record.is_open() || record.back != (way == Way::Back) {
        return Ok(None);
    }
    let found = Beside::find(connection, projection, &next(projection)).await?;
    Ok(found.filter(|beside| beside.fits(shape) && beside.is_of(log)))
}

/// Leaves nothing of a rebuild that was not finished: the new tables are dropped, the previous ones put back.
pub(super) async fn undo(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
) -> Result<()> {
    put_away(connection, projection).await?;
    record::end(connection, projection).await?;
    Ok(())
}

/// The same, and keeps the record for the reason.
pub(super) async fn fail(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
    error: &str,
) -> Result<()> {
    put_away(connection, projection).await?;
    record::fail(connection, projection, error).await?;
    Ok(())
}

async fn put_away(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
) -> Result<()> {
    let record = record::find(&mut *connection, projection).await?;
    let (next, previous) = (next(projection), previous(projection));
    let back = record.is_some_and(|record| record.back)
        && beside::exists(&mut *connection, &next).await?
        && !beside::exists(&mut *connection, &previous).await?;
    if back {
        rename(connection, &next, &previous).await?;
    }
    Beside::drop(connection, &next).await?;
    Beside::drop(connection, &outdated(projection)).await
}

pub(super) async fn rename(connection: &mut PgConnection, from: &str, to: &str) -> Result<()> {
    let rename = format!("alter schema {} rename to {}", quoted(from), quoted(to));
    connection.execute(rename.as_str()).await?;
    Ok(())
}
