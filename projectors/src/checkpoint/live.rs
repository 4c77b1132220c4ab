//! The row while its tables are switched: for rebuilds alone.

use sqlx::{FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Projection;
use crate::mirror::Partitions;

/// The live tables' row, locked.
#[derive(FromRow)]
pub(crate) struct Live {
    pub version: i32,
    pub position: i64,
    #[sqlx(json)]
    pub partitions: Partitions,
    pub log: Option<Uuid>,
    /// Of the first event that an aggregate waits behind.
    parked_at: Option<i64>,
}

impl Live {
    /// How far they are where they are furthest.
    pub(crate) fn furthest(&self) -> i64 {
        self.position.max(self.partitions.furthest().unwrap_or(0))
    }

    /// Everything up to here is applied, with nothing left waiting.
    pub(crate) fn complete(&self) -> i64 {
        self.parked_at
            .map_or(self.position, |at| self.position.min(at - 1))
    }
}

/// Keeps everybody else from applying anything until the transaction ends, whatever version the tables are of.
pub(crate) async fn lock_live(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<Live, sqlx::Error> {
    sqlx::query_as(
        "select version, position, partitions, log,
                (select min(position) from public.parked where projection = $1) as parked_at
         from public.checkpoint where projection = $1 for update",
    )
    .bind(projection.name())
    .fetch_one(connection)
    .await
}

/// The tables are others now: of this program's version, with everything applied up to `position`, and nothing waits.
/// What anybody knows of the row from before is no longer so.
pub(crate) async fn switch(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: Uuid,
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update public.checkpoint set version = $2, position = $3, log = $4, partitions = '{}' where projection = $1",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(position)
    .bind(log)
    .execute(&mut *connection)
    .await?;
    sqlx::query("delete from public.parked where projection = $1")
        .bind(projection.name())
        .execute(connection)
        .await?;
    Ok(())
}
