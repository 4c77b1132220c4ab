//! The switch: one transaction in which the live tables make way for the new ones.
//!
//! While it holds the checkpoint's row nobody else applies anything, while it holds the tables nobody reads: both for a
//! moment. Where it would have to wait for longer it gives up, long before Postgres looks for a deadlock, so that it
//! can't make a reader the victim of one.

use anyhow::{Result, ensure};
use event_store::{Identity, Log};
use sqlx::types::Json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{begin, next, outdated, previous, record, views};
use crate::Projection;
use crate::beside::{Beside, exists, quoted};
use crate::checkpoint::{self, Live};

/// How long followers may finish what they have begun: nobody else waits meanwhile.
const FOLLOWERS: &str = "set local lock_timeout = '400ms'";
/// How long readers may: others queue up behind us meanwhile.
const READERS: &str = "set local lock_timeout = '150ms'";

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Switched {
    Yes,
    /// Somebody was in the way for too long, or too much was left to be applied. Nothing has happened.
    NotNow,
    /// Somebody asked to stop. Nothing has happened.
    Cancelled,
}

/// Applies the rest of the log, `most` events of it at most, and switches.
pub(super) async fn switch(
    connection: &mut PgConnection,
    beside: &mut Beside,
    log: &Log,
    identity: &Identity,
    most: i64,
) -> Result<Switched> {
    let mut transaction = connection.begin().await?;
    let end = attempt(&mut transaction, beside, log, identity, most).await;
    match end {
        Ok(Switched::Yes) => {
            transaction.commit().await?;
            Ok(Switched::Yes)
        }
        Ok(not) => {
            transaction.rollback().await?;
            Ok(not)
        }
        Err(error) => {
            transaction.rollback().await?;
            if in_the_way(&error) {
                return Ok(Switched::NotNow);
            }
            Err(error)
        }
    }
}

async fn attempt(
    transaction: &mut PgConnection,
    beside: &mut Beside,
    log: &Log,
    identity: &Identity,
    most: i64,
) -> Result<Switched> {
    let projection = beside.projection();
    transaction.execute(FOLLOWERS).await?;
    let live = checkpoint::lock_live(&mut *transaction, projection).await?;
    // From now on the live tables stay as they are.
    let head = log.head().await?;
    if head - beside.position() > most {
        return Ok(Switched::NotNow);
    }
    ensure!(
        head >= live.furthest(),
        "the log ends at position {head}, the live tables are at {}",
        live.furthest()
    );
    beside.fold_within(transaction, log, head).await?;
    if record::end(transaction, projection).await? {
        return Ok(Switched::Cancelled);
    }
    let (next, previous) = (next(projection), previous(projection));
    if exists(&mut *transaction, &previous).await? {
        begin::rename(transaction, &previous, &outdated(projection)).await?;
    }
    let create = format!("create schema {}", quoted(&previous));
    transaction.execute(create.as_str()).await?;
    replace(transaction, projection, &next, &previous).await?;
    keep(transaction, projection, &next, &previous, &live).await?;
    checkpoint::switch(transaction, projection, identity.id, head).await?;
    // What a crash loses otherwise would be more than the last moments.
    transaction
        .execute("set local synchronous_commit to default")
        .await?;
    Ok(Switched::Yes)
}

/// The live tables make way. From the first line on readers wait.
async fn replace(
    transaction: &mut PgConnection,
    projection: &dyn Projection,
    next: &str,
    previous: &str,
) -> Result<()> {
    let views = views::on(transaction, projection).await?;
    transaction.execute(READERS).await?;
    let (next, previous) = (quoted(next), quoted(previous));
    let tables: Vec<String> = projection.tables().iter().map(|t| quoted(t)).collect();
    // The views first, as whoever reads one locks it before its tables.
    let mut lock: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    for table in &tables {
        lock.extend([format!("public.{table}"), format!("{next}.{table}")]);
    }
    let lock = lock.join(", ");
    let mut statements = vec![format!("lock table {lock} in access exclusive mode")];
    for table in &tables {
        statements.push(format!("alter table public.{table} set schema {previous}"));
        statements.push(format!("alter table {next}.{table} set schema public"));
    }
    statements.extend(views.into_iter().map(|view| view.definition));
    for statement in statements {
        transaction.execute(statement.as_str()).await?;
    }
    Ok(())
}

/// Keeps how far the live tables were beside them.
async fn keep(
    transaction: &mut PgConnection,
    projection: &dyn Projection,
    next: &str,
    previous: &str,
    live: &Live,
) -> Result<()> {
    let (next, previous) = (quoted(next), quoted(previous));
    let take = format!("alter table {next}.checkpoint set schema {previous}");
    transaction.execute(take.as_str()).await?;
    sqlx::query(&format!(
        "update {previous}.checkpoint set version = $2, position = $3, partitions = $4, log = $5 where projection = $1"
    ))
    .bind(projection.name())
    .bind(live.version)
    .bind(live.complete())
    .bind(Json(&live.partitions))
    .bind(live.log)
    .execute(&mut *transaction)
    .await?;
    let drop = format!("drop schema {next}");
    transaction.execute(drop.as_str()).await?;
    Ok(())
}

/// Whether it may work a moment later.
fn in_the_way(error: &anyhow::Error) -> bool {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const DEADLOCK_DETECTED: &str = "40P01";
    let database = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<sqlx::Error>())
        .and_then(sqlx::Error::as_database_error);
    let code = database.and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| [LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED].contains(&&*code))
}
