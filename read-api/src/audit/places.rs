//! Where something is in the log, found by halving: neither a time nor a position within a stream has an index of its
//! own, but both rise with what has one. A log that was tampered with may have holes: the next event stands for one.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// Part of the log, or of a stream: what comes after the first place, through the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub after: i64,
    pub through: i64,
}

impl Range {
    pub(crate) fn is_empty(self) -> bool {
        self.after >= self.through
    }
}

/// A transaction in which walks along an index are all that is planned: statistics that are old, or not there yet, would
/// else make a walk through the whole log look good. Its plans look dear for that, which must not have them compiled.
pub(crate) async fn guided(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
                set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true),
                set_config('jit', 'off', true)",
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// The last position that was recorded at this time or earlier; 0 when none was.
pub(crate) async fn recorded_by(
    connection: &mut PgConnection,
    time: DateTime<Utc>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with recursive halving as (
             select 0::bigint as low, position + 1 as high from log_head
             union all
             select case when earlier then middle else low end, case when earlier then high else middle end
             from (
                 select low, high, (low + high) / 2 as middle,
                        coalesce((
                            select recorded_at from events where position >= (low + high) / 2
                            order by position limit 1
                        ) <= $1, false) as earlier
                 from halving where high - low > 1
                 offset 0
             ) as half
         )
         select low from halving order by high - low limit 1",
    )
    .bind(storable(time))
    .fetch_one(connection)
    .await
}

/// The last position that was recorded before this time; 0 when none was.
pub(crate) async fn recorded_before(
    connection: &mut PgConnection,
    time: DateTime<Utc>,
) -> sqlx::Result<i64> {
    // The log counts microseconds. What was before a part of one was at the last whole one at the latest.
    let whole = storable(time)
        .duration_trunc(TimeDelta::microseconds(1))
        .unwrap_or(time);
    let last = if whole == time {
        whole - TimeDelta::microseconds(1)
    } else {
        whole
    };
    recorded_by(connection, last).await
}

/// The part of a stream, by sequence, that is in this part of the log.
pub(crate) async fn within(
    connection: &mut PgConnection,
    aggregate_type: &str,
    aggregate_id: &str,
    range: Range,
) -> sqlx::Result<Range> {
    let after = match range.after {
        0 => 0,
        position => up_to(connection, aggregate_type, aggregate_id, position).await?,
    };
    let through = match range.through {
        i64::MAX => i64::MAX,
        position => up_to(connection, aggregate_type, aggregate_id, position).await?,
    };
    Ok(Range { after, through })
}

/// The stream's last sequence up to this position of the log; 0 when it began later.
async fn up_to(
    connection: &mut PgConnection,
    aggregate_type: &str,
    aggregate_id: &str,
    position: i64,
) -> sqlx::Result<i64> {
    // A page mostly begins where another ended: at an event of the stream itself.
    let own: Option<i64> = sqlx::query_scalar(
        "select sequence from events where position = $3 and aggregate_type = $1 and aggregate_id = $2",
    )
    .bind(aggregate_type)
    .bind(aggregate_id)
    .bind(position)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(sequence) = own {
        return Ok(sequence);
    }
    sqlx::query_scalar(
        "with recursive halving as (
             select 0::bigint as low, coalesce((
                 select sequence from events where aggregate_type = $1 and aggregate_id = $2
                 order by sequence desc limit 1
             ), 0) + 1 as high
             union all
             select case when earlier then middle else low end, case when earlier then high else middle end
             from (
                 select low, high, (low + high) / 2 as middle,
                        coalesce((
                            select position from events
                            where aggregate_type = $1 and aggregate_id = $2 and sequence >= (low + high) / 2
                            order by sequence limit 1
                        ) <= $3, false) as earlier
                 from halving where high - low > 1
                 offset 0
             ) as half
         )
         select low from halving order by high - low limit 1",
    )
    .bind(aggregate_type)
    .bind(aggregate_id)
    .bind(position)
    .fetch_one(connection)
    .await
}

/// Times of the far past, which no event has, are more than Postgres can tell.
fn storable(time: DateTime<Utc>) -> DateTime<Utc> {
    time.max(DateTime::UNIX_EPOCH)
}
