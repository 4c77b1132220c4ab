//! The relay's row in the event store: how far the log is mirrored, and who may mirror it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::postgres::types::PgInterval;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use crate::mirror::Partitions;

/// How far the log is mirrored.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Mirrored {
    /// Everything up to here is acknowledged by Kafka.
    pub position: i64,
    /// The last position in each partition as of `position`; empty before the first relay has led.
    #[sqlx(json)]
    pub partitions: Partitions,
}

/// How far the log is mirrored.
pub async fn mirrored(pool: &PgPool) -> Result<Mirrored> {
    Ok(reached(pool).await?.mirrored)
}

/// How far the log is mirrored, and how far it goes: both of one moment.
#[derive(Debug, FromRow)]
pub(crate) struct Reached {
    #[sqlx(flatten)]
    pub mirrored: Mirrored,
    pub head: i64,
}

/// How far the log is mirrored, and how far it goes.
pub(crate) async fn reached(pool: &PgPool) -> Result<Reached> {
    sqlx::query_as(
        "select relay.position, relay.partitions, log_head.position as head from relay, log_head",
    )
    .fetch_one(pool)
    .await
    .context("cannot read how far the log is mirrored")
}

/// The row as it is when the lease is taken.
#[derive(Debug, FromRow)]
pub(crate) struct Taken {
    pub epoch: i64,
    #[sqlx(flatten)]
    pub mirrored: Mirrored,
}

/// Takes the lease where nobody holds it.
pub(crate) async fn take(
    pool: &PgPool,
    holder: &str,
    lease: Duration,
) -> Result<Option<Taken>, sqlx::Error> {
    sqlx::query_as(
        "update relay set epoch = epoch + 1, holder = $1, leased_until = clock_timestamp() + $2
         where leased_until <= clock_timestamp()
         returning epoch, position, partitions",
    )
    .bind(holder)
    .bind(interval(lease))
    .fetch_optional(pool)
    .await
}

/// What became of taking the lease by force.
#[derive(Debug, FromRow)]
pub(crate) struct Seized {
    pub epoch: i64,
    /// Whether somebody held it.
    pub was_held: bool,
}

/// Takes the lease whoever holds it, and starts the row anew.
pub(crate) async fn seize(
    pool: &PgPool,
    holder: &str,
    lease: Duration,
    from: &Mirrored,
) -> Result<Seized, sqlx::Error> {
    sqlx::query_as(
        "with before as (select leased_until > clock_timestamp() as was_held from relay)
         update relay set epoch = epoch + 1, holder = $1, leased_until = clock_timestamp() + $2,
                          position = $3, partitions = $4
         from before
         returning epoch, was_held",
    )
    .bind(holder)
    .bind(interval(lease))
    .bind(from.position)
    .bind(Json(&from.partitions))
    .fetch_one(pool)
    .await
}

/// Keeps the lease for longer; false where another has taken it.
pub(crate) async fn renew(pool: &PgPool, epoch: i64, lease: Duration) -> Result<bool, sqlx::Error> {
    let renewed =
        sqlx::query("update relay set leased_until = clock_timestamp() + $2 where epoch = $1")
            .bind(epoch)
            .bind(interval(lease))
            .execute(pool)
            .await?;
    Ok(renewed.rows_affected() > 0)
}

/// Gives the lease back. A renewal that is still under way comes too late: the epoch is another.
pub(crate) async fn release(pool: &PgPool, epoch: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update relay set epoch = epoch + 1, leased_until = clock_timestamp() where epoch = $1",
    )
    .bind(epoch)
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes down how far Kafka has acknowledged; false where another has taken the lease.
///
/// The commit does not wait for the disk: what a crash of the server takes back is published once more.
pub(crate) async fn checkpoint(
    pool: &PgPool,
    epoch: i64,
    acknowledged: &Mirrored,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query(
        "update relay set position = $2, partitions = $3 where epoch = $1
         returning set_config('synchronous_commit', 'off', true)",
    )
    .bind(epoch)
    .bind(acknowledged.position)
    .bind(Json(&acknowledged.partitions))
    .fetch_optional(pool)
    .await?;
    Ok(written.is_some())
}

/// How far the mirror is behind the log.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct Lag {
    /// Events that Kafka has not acknowledged.
    pub events: i64,
    /// Age of the oldest of them; 0 where there is none.
    pub seconds: f64,
}

pub(crate) async fn lag(pool: &PgPool) -> Result<Lag, sqlx::Error> {
    sqlx::query_as(
        "select log_head.position - relay.position as events,
                coalesce(extract(epoch from clock_timestamp() - oldest.recorded_at), 0)::float8 as seconds
         from log_head cross join relay left join events oldest on oldest.position = relay.position + 1",
    )
    .fetch_one(pool)
    .await
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
