//! How far the read models are behind the log: `GET /projections`.

use axum::extract::State;
use futures::future::try_join_all;
use projectors::{Projection, mirror::Partitions, projections, rebuild};
use serde::Serialize;
use service::{Admin, Json, Query, Result};
use sqlx::{FromRow, types::Json as Stored};
use utoipa::ToSchema;

use crate::{
    page::NoParameters,
    reader::{Reader, database, no_answer},
    rebuild::{Previous, Rebuild},
};

/// A projection and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectionStatus {
    #[schema(example = "orders")]
    name: &'static str,
    /// Of its tables
    #[schema(example = 1)]
    version: i32,
    /// The last position of the log that it has applied
    #[schema(example = 42)]
    position: i64,
    /// The last position of the log
    #[schema(example = 42)]
    head: i64,
    /// `head - position`
    #[schema(example = 0)]
    lag: i64,
    /// Where it follows Kafka: the last position applied of each partition of its topics; all up to `position` is
    /// applied besides
    #[serde(skip_serializing_if = "Partitions::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, i64>, required = false, example = json!({"order/0": 41, "order/1": 42, "order/2": 0}))]
    partitions: Partitions,
    /// Of how many aggregates an event was refused: it and what follows it are on the dead-letter topic, and are tried
    /// again at the next start
    #[schema(example = 0)]
    parked: i64,
    /// What keeps it from going on; missing when nothing does
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    /// That is not finished; missing when there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild: Option<Rebuild>,
    /// Tables that the last rebuild replaced, until they are dropped; missing when there are none
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

/// All projections
#[utoipa::path(
    get,
    path = "/projections",
    operation_id = "list_projections",
    tag = "operator",
    responses(
        (status = 200, description = "Every projection", body = [ProjectionStatus]),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 422, description = "There is a parameter"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list(
    State(reader): State<Reader>,
    _admin: Admin,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Json<Vec<ProjectionStatus>>> {
    let found = try_join_all(projections().map(|projection| found(&reader, projection))).await?;
    // Read last, so that no position is ahead of it.
    let head = reader.head().await?;
    let status = |(projection, checkpoint, beside): Found| ProjectionStatus {
        name: projection.name(),
        version: checkpoint.version,
        position: checkpoint.position,
        head,
        lag: head - checkpoint.position,
        partitions: checkpoint.partitions.0,
        parked: checkpoint.parked,
        trouble: reader.progress.of(projection.name()).trouble(),
        rebuild: beside.rebuild.map(Rebuild::from),
        previous: beside.previous.map(Previous::from),
    };
    Ok(Json(found.into_iter().map(status).collect()))
}

type Found = (&'static dyn Projection, Checkpoint, rebuild::Status);

async fn found(reader: &Reader, projection: &'static dyn Projection) -> Result<Found> {
    let checkpoint = checkpoint(reader, projection).await?;
    let beside = rebuild::status(&reader.databases, projection).await;
    Ok((projection, checkpoint, beside.map_err(no_answer)?))
}

#[derive(FromRow)]
struct Checkpoint {
    version: i32,
    position: i64,
    partitions: Stored<Partitions>,
    parked: i64,
}

/// How far its tables are; before its first start, where they will begin.
async fn checkpoint(reader: &Reader, projection: &dyn Projection) -> Result<Checkpoint> {
    let known = sqlx::query_as(
        "select version, position, partitions, (select count(*) from parked where projection = $1) as parked
         from checkpoint where projection = $1",
    )
    .bind(projection.name())
    .fetch_optional(projection.database(&reader.databases))
    .await
    .map_err(database)?;
    Ok(known.unwrap_or(Checkpoint {
        version: projection.version(),
        position: 0,
        partitions: Stored::default(),
        parked: 0,
    }))
}
