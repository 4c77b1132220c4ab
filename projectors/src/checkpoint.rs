//! How far a projection has applied the log: one row beside its tables.

use anyhow::{Result, ensure};
use sqlx::{PgConnection, PgExecutor};

use crate::Projection;

/// Where the projection stands; makes its row at the first start.
pub(crate) async fn position(
    connection: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<i64> {
    sqlx::query(
        "insert into checkpoint (projection, version, position) values ($1, $2, 0)
         on conflict (projection) do nothing",
    )
    .bind(projection.name())
    .bind(projection.version())
    .execute(&mut *connection)
    .await?;
    let (version, position): (i32, i64) =
        sqlx::query_as("select version, position from checkpoint where projection = $1")
            .bind(projection.name())
            .fetch_one(connection)
            .await?;
    ensure!(
        version == projection.version(),
        "the tables of projection {} are of version {version}, this program knows version {}",
        projection.name(),
        projection.version(),
    );
    Ok(position)
}

/// Moves the row from one position to another; false, and nothing moved, where another process was faster or the
/// tables were switched to another version. Inside a transaction the row stays locked until its end.
///
/// The commit does not wait for the disk: rows and checkpoint survive a crash of the server together or not at all,
/// and what is lost is folded from the log again.
pub(crate) async fn advance(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    from: i64,
    to: i64,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "update checkpoint set position = $4 where projection = $1 and version = $2 and position = $3
         returning set_config('synchronous_commit', 'off', true)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(from)
    .bind(to)
    .fetch_optional(connection)
    .await?;
    Ok(moved.is_some())
}
