//! How far the read models are behind the log: `GET /projections`.

use axum::extract::State;
use projectors::{Projection, projections};
use serde::Serialize;
use service::{Admin, Json, Query, Result};
use utoipa::ToSchema;

use crate::{
    page::NoParameters,
    reader::{Reader, database},
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
    /// What keeps it from going on; missing when nothing does
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
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
    let mut checkpoints = Vec::new();
    for projection in projections() {
        checkpoints.push((projection, checkpoint(&reader, projection).await?));
    }
    // Read last, so that no position is ahead of it.
    let head = reader.head().await?;
    let status =
        |(projection, (version, position)): (&dyn Projection, (i32, i64))| ProjectionStatus {
            name: projection.name(),
            version,
            position,
            head,
            lag: head - position,
            trouble: reader.progress.of(projection.name()).trouble(),
        };
    Ok(Json(checkpoints.into_iter().map(status).collect()))
}

/// Version and position of its tables; before its first start those it will have.
async fn checkpoint(reader: &Reader, projection: &dyn Projection) -> Result<(i32, i64)> {
    let known = sqlx::query_as("select version, position from checkpoint where projection = $1")
        .bind(projection.name())
        .fetch_optional(projection.database(&reader.databases))
        .await
        .map_err(database)?;
    Ok(known.unwrap_or((projection.version(), 0)))
}
