//! Aggregates that wait behind an event that was refused.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use chrono::{DateTime, Utc};
use event_store::Log;
use proto::Topic;
use sqlx::{Connection as _, FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{ApplyError, Projection, ReadDatabases, checkpoint};

/// An aggregate that waits behind an event that was refused.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Parked {
    /// The aggregate.
    pub aggregate_id: Uuid,
    /// On which its events are.
    pub topic: String,
    /// Of the event that was refused.
    pub position: i64,
    /// Why.
    pub reason: String,
    /// Its events from `position` up to here are on the dead-letter topic.
    pub dead_through: i64,
    /// When.
    pub parked_at: DateTime<Utc>,
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the event at position {} cannot be folded: {}; the {} {} waits behind it",
            self.position, self.reason, self.topic, self.aggregate_id,
        )
    }
}

/// What waits in this projection.
pub async fn parked(
    databases: &ReadDatabases,
    projection: &dyn Projection,
) -> Result<Vec<Parked>, sqlx::Error> {
    all(projection.database(databases), projection).await
}

pub(crate) async fn all(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<Vec<Parked>, sqlx::Error> {
    sqlx::query_as(
        "select aggregate_id, topic, position, reason, dead_through, parked_at
         from parked where projection = $1 order by position",
    )
    .bind(projection.name())
    .fetch_all(connection)
    .await
}

/// Those of these aggregates that wait.
pub(crate) async fn among(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    aggregates: &[Uuid],
) -> Result<BTreeMap<Uuid, Parked>, sqlx::Error> {
    let parked: Vec<Parked> = sqlx::query_as(
        "select aggregate_id, topic, position, reason, dead_through, parked_at
         from parked where projection = $1 and aggregate_id = any($2)",
    )
    .bind(projection.name())
    .bind(aggregates)
    .fetch_all(connection)
    .await?;
    Ok(parked
        .into_iter()
        .map(|parked| (parked.aggregate_id, parked))
        .collect())
}

/// An aggregate's event has gone to the dead letters.
#[derive(Clone, Debug)]
pub(crate) struct Dead {
    pub aggregate_id: Uuid,
    pub topic: Topic,
    /// Of the event that was refused, and why it was.
    pub position: i64,
    pub reason: String,
    /// Of the last event that is on the dead-letter topic.
    pub through: i64,
}

/// Lets these wait.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    dead: &[Dead],
) -> Result<(), sqlx::Error> {
    for dead in dead {
        sqlx::query(
            "insert into parked (projection, aggregate_id, topic, position, reason, dead_through)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (projection, aggregate_id) do update
                 set dead_through = greatest(parked.dead_through, excluded.dead_through)",
        )
        .bind(projection.name())
        .bind(dead.aggregate_id)
        .bind(dead.topic.name())
        .bind(dead.position)
        .bind(&dead.reason)
        .bind(dead.through)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// It waits no longer.
pub(crate) async fn release(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    aggregate_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from parked where projection = $1 and aggregate_id = $2")
        .bind(projection.name())
        .bind(aggregate_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Tries once more what waits: all events of each aggregate, from the store. What still waits then.
pub(crate) async fn retry(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: &Log,
    identity: Uuid,
) -> Result<Vec<Parked>> {
    let mut still = Vec::new();
    for waiting in all(&mut *connection, projection).await? {
        let id = waiting.aggregate_id;
        let Some(topic) = Topic::named(&waiting.topic) else {
            still.push(waiting);
            continue;
        };
        let mut transaction = connection.begin().await?;
        // Before the events are read: what comes from now on has to wait for us.
        let locked = checkpoint::lock(&mut *transaction, projection, identity).await?;
        let waits = among(&mut transaction, projection, &[id]).await?;
        if !locked || waits.is_empty() {
            transaction.rollback().await?;
            continue;
        }
        let mut events = log.stream(topic, id).await?;
        events.retain(|event| projection.concerns(&event.message));
        match projection.apply(&mut transaction, &events).await {
            Ok(()) => {
                release(&mut transaction, projection, id).await?;
                transaction.commit().await?;
                let name = projection.name();
                tracing::info!(
                    projection = name,
                    "the {} {id} waits no longer",
                    topic.name()
                );
            }
            Err(ApplyError::Refused(_)) => {
                transaction.rollback().await?;
                still.push(waiting);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(still)
}
