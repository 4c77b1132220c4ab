//! The row that shows a rebuild to every process.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgExecutor};

use super::Rebuilding;
use crate::Projection;

/// The row.
#[derive(FromRow)]
pub(super) struct Record {
    pub version: i32,
    pub shape: i64,
    pub back: bool,
    pub cancel: bool,
    pub error: Option<String>,
    position: i64,
    head: i64,
    started_at: DateTime<Utc>,
    resumed_at: DateTime<Utc>,
    began_at_position: i64,
    updated_at: DateTime<Utc>,
    by: String,
}

impl Record {
    /// Whether there is something to go on with.
    pub(super) fn is_open(&self) -> bool {
        self.error.is_none() && !self.cancel
    }

    pub(super) fn progress(self, running: bool) -> Rebuilding {
        let took = (self.updated_at - self.resumed_at).as_seconds_f64();
        let done = float(self.position - self.began_at_position);
        let rate = if took > 0.0 { done / took } else { 0.0 };
        let left = float((self.head - self.position).max(0));
        Rebuilding {
            position: self.position,
            head: self.head,
            events_per_second: rate,
            seconds_left: (rate > 0.0).then(|| left / rate),
            started_at: self.started_at,
            back: self.back,
            running: running && self.error.is_none(),
            cancelled: self.cancel,
            by: self.by,
            error: self.error,
        }
    }
}

/// The row as it is.
pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<Option<Record>, sqlx::Error> {
    sqlx::query_as("select * from public.rebuild where projection = $1")
        .bind(projection.name())
        .fetch_optional(connection)
        .await
}

/// Notes that this process begins one, or the way back.
pub(super) async fn begin(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    shape: i64,
    position: i64,
    head: i64,
    back: Way,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into public.rebuild (projection, version, shape, back, position, head, began_at_position, by)
         values ($1, $2, $3, $4, $5, $6, $5, $7)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(shape)
    .bind(back == Way::Back)
    .bind(position)
    .bind(head)
    .bind(whoami())
    .execute(connection)
    .await?;
    Ok(())
}

/// Which tables are to become the live ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// New ones.
    On,
    /// The previous ones.
    Back,
}

/// Notes that this process goes on with one.
pub(super) async fn resume(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    position: i64,
    head: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update public.rebuild
         set position = $2, began_at_position = $2, head = $3, by = $4, resumed_at = now(), updated_at = now()
         where projection = $1",
    )
    .bind(projection.name())
    .bind(position)
    .bind(head)
    .bind(whoami())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how far it is; the row as it is then. None where it has just been finished.
pub(super) async fn tell(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    position: i64,
    head: i64,
) -> Result<Option<Record>, sqlx::Error> {
    sqlx::query_as(
        "update public.rebuild set position = $2, head = $3, updated_at = now() where projection = $1 returning *",
    )
    .bind(projection.name())
    .bind(position)
    .bind(head)
    .fetch_optional(connection)
    .await
}

/// Asks whoever works on it to stop; false where there is none.
pub(super) async fn ask_to_stop(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<bool, sqlx::Error> {
    let asked = sqlx::query(
        "update public.rebuild set cancel = true where projection = $1 and error is null",
    )
    .bind(projection.name())
    .execute(connection)
    .await?;
    Ok(asked.rows_affected() > 0)
}

/// Notes why it ended without a result.
pub(super) async fn fail(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("update public.rebuild set error = $2, updated_at = now() where projection = $1")
        .bind(projection.name())
        .bind(error)
        .execute(connection)
        .await?;
    Ok(())
}

/// It is over; whether it was asked to stop. Until the transaction ends, nobody can ask.
pub(super) async fn end(
    connection: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<bool, sqlx::Error> {
    let cancelled: Option<bool> =
        sqlx::query_scalar("delete from public.rebuild where projection = $1 returning cancel")
            .bind(projection.name())
            .fetch_optional(connection)
            .await?;
    Ok(cancelled.unwrap_or(false))
}

fn whoami() -> String {
    format!("process {}", std::process::id())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "positions stay exact up to 2^53"
)]
fn float(number: i64) -> f64 {
    number as f64
}
