//! A projection's live tables: how far they are, and that they stay the same ones.

use event_store::Published;
use sqlx::types::Json;
use sqlx::{Executor as _, FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Projection;
use crate::beside::quoted;
use crate::mirror::Partitions;

/// How far the live tables are.
#[derive(FromRow)]
pub(super) struct Live {
    /// Null before the first start.
    pub version: Option<i32>,
    pub position: i64,
    pub partitions: Json<Partitions>,
    pub log: Option<Uuid>,
}

impl Live {
    /// Up to where anything at all is applied.
    pub(super) fn furthest(&self) -> i64 {
        self.position.max(self.partitions.furthest().unwrap_or(0))
    }

    /// Whether this event of the projection's is applied.
    pub(super) fn has(&self, projection: &dyn Projection, event: &Published) -> bool {
        let through = |topic| self.partitions.of_key(topic, event.aggregate_id);
        event.position <= self.position
            || event.message.topics().any(|topic| {
                projection.topics().contains(&topic)
                    && through(topic).is_some_and(|entry| event.position <= entry)
            })
    }
}

/// Keeps the live tables from being switched to others until the transaction ends. Takes no snapshot.
pub(super) async fn keep_live(
    transaction: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<(), sqlx::Error> {
    let tables = projection.tables().iter();
    let tables: Vec<_> = tables
        .map(|table| format!("public.{}", quoted(table)))
        .collect();
    let lock = format!("lock table {} in access share mode", tables.join(", "));
    transaction.execute(lock.as_str()).await?;
    Ok(())
}

/// How far the live tables are.
pub(super) async fn live(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<Live, sqlx::Error> {
    let live: Option<Live> = sqlx::query_as(
        "select version, position, partitions, log from public.checkpoint where projection = $1",
    )
    .bind(projection.name())
    .fetch_optional(connection)
    .await?;
    Ok(live.unwrap_or(Live {
        version: None,
        position: 0,
        partitions: Json::default(),
        log: None,
    }))
}
