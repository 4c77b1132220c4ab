//! Where in the log something last happened.

use anyhow::{Context as _, Result};
use event_store::Log;
use uuid::Uuid;

/// Position of the last event of these aggregates, up to `through`.
pub(super) async fn last(log: &Log, aggregates: &[Uuid], through: i64) -> Result<Option<i64>> {
    let ids: Vec<_> = aggregates.iter().map(Uuid::to_string).collect();
    sqlx::query_scalar(
        "select max(position) from events
         where aggregate_type in ('product', 'stock', 'order', 'account', 'payment') and aggregate_id = any($1)
               and position <= $2",
    )
    .bind(ids)
    .bind(through)
    .fetch_one(log.pool())
    .await
    .context("cannot look up an event")
}

/// The position, where it is the one of the event that has this id.
pub(super) async fn of_event(log: &Log, position: i64, event_id: Uuid) -> Result<Option<i64>> {
    sqlx::query_scalar("select position from events where position = $1 and event_id = $2")
        .bind(position)
        .bind(event_id)
        .fetch_optional(log.pool())
        .await
        .context("cannot look up an event")
}
