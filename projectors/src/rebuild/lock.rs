//! One rebuild at a time for each projection, across all processes.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::time::sleep;

use super::RebuildError;
use crate::Projection;

/// The first of the lock's two numbers; the second one comes from the projection's name.
const KIND: i32 = 0x0a5e_b11d;
/// How often the lock is tried, and the pause between: who was killed may hold it for a moment longer.
const TRIES: (u32, Duration) = (4, Duration::from_millis(100));

/// The projection's lock, and the connection that holds it: it writes the new tables. Dropped, the server releases it when
/// it notices; better say [`release`](Self::release).
pub(super) struct Locked {
    pub(super) connection: PgConnection,
    projection: &'static dyn Projection,
}

impl Locked {
    pub(super) async fn take(
        pool: &PgPool,
        projection: &'static dyn Projection,
    ) -> Result<Self, RebuildError> {
        for _ in 1..TRIES.0 {
            if let Some(locked) = Self::try_once(pool, projection).await? {
                return Ok(locked);
            }
            sleep(TRIES.1).await;
        }
        let locked = Self::try_once(pool, projection).await?;
        locked.ok_or(RebuildError::Running(projection.name()))
    }

    /// None where somebody else has it.
    pub(super) async fn try_once(
        pool: &PgPool,
        projection: &'static dyn Projection,
    ) -> Result<Option<Self>, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        // A statement of ours ends soon after we do.
        sqlx::query("select set_config('client_connection_check_interval', '500ms', false)")
            .execute(&mut connection)
            .await?;
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext($2))")
            .bind(KIND)
            .bind(projection.name())
            .fetch_one(&mut connection)
            .await?;
        if locked {
            return Ok(Some(Self {
                connection,
                projection,
            }));
        }
        connection.close().await?;
        Ok(None)
    }

    /// Returns when others can have it.
    pub(super) async fn release(mut self) {
        let unlocked = sqlx::query("select pg_advisory_unlock($1, hashtext($2))")
            .bind(KIND)
            .bind(self.projection.name())
            .execute(&mut self.connection)
            .await;
        // A connection that is gone holds nothing.
        if unlocked.is_ok() {
            let _ = self.connection.close().await;
        }
    }
}

/// Whether somebody has it.
pub(super) async fn is_held(
    connection: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
             select from pg_locks
             where locktype = 'advisory' and granted and objsubid = 2
                 and database = (select oid from pg_database where datname = current_database())
                 and classid::bigint = $1::bigint and objid::bigint = (hashtext($2)::bigint & 4294967295))",
    )
    .bind(KIND)
    .bind(projection.name())
    .fetch_one(connection)
    .await
}
