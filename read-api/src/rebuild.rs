//! Making a projection's tables anew, and going back to those of before: the operator's wishes.

mod running;

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use projectors::rebuild::{self, RebuildError, Rebuilding, projection};
use serde::Serialize;
use service::{Admin, Path, Problem, Result};
use utoipa::ToSchema;

use crate::reader::{Reader, no_answer};

pub use running::Rebuilds;

/// A rebuild that is not finished.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rebuild {
    /// The last position of the log that is in the new tables
    #[schema(example = 1_200)]
    position: i64,
    /// The last position of the log
    #[schema(example = 4_200)]
    head: i64,
    #[schema(example = 2_500.5)]
    events_per_second: f64,
    /// Until the switch, at this rate; missing while there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1.2)]
    seconds_left: Option<f64>,
    started_at: DateTime<Utc>,
    /// The new tables are the previous ones, on their way back
    back: bool,
    /// Whether a process works on it; where not, it waits for a start, or for somebody to ask once more
    running: bool,
    /// It was told to stop
    cancelled: bool,
    /// Why it ended without a result; missing when it has not
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Rebuilding> for Rebuild {
    fn from(rebuilding: Rebuilding) -> Self {
        Self {
            position: rebuilding.position,
            head: rebuilding.head,
            events_per_second: rebuilding.events_per_second,
            seconds_left: rebuilding.seconds_left,
            started_at: rebuilding.started_at,
            back: rebuilding.back,
            running: rebuilding.running,
            cancelled: rebuilding.cancelled,
            error: rebuilding.error,
        }
    }
}

/// Tables that a rebuild replaced.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Previous {
    /// Of the tables
    #[schema(example = 1)]
    version: i32,
    /// The last position of the log that is in them
    #[schema(example = 42)]
    position: i64,
    /// Whether this program can go back to them
    usable: bool,
}

impl From<rebuild::Previous> for Previous {
    fn from(previous: rebuild::Previous) -> Self {
        Self {
            version: previous.version,
            position: previous.position,
            usable: previous.usable,
        }
    }
}

/// Rebuild a projection
///
/// From the log, beside the live tables, which are read and kept up to date until the new ones take their place in one
/// moment. Goes on with a rebuild that was interrupted. `GET /projections` shows how far it is.
#[utoipa::path(
    post,
    path = "/projections/{name}/rebuild",
    operation_id = "rebuild_projection",
    tag = "operator",
    params(("name" = String, Path, description = "As `GET /projections` names it", example = "orders")),
    responses(
        (status = 202, description = "It has begun"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "There is no such projection"),
        (status = 409, description = "It is being rebuilt already: `rebuild-running`"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn begin(
    State(reader): State<Reader>,
    _admin: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    let projection = projection(&name).map_err(refusal)?;
    let begun = rebuild::begin(&reader.log, &reader.databases, projection).await;
    reader
        .rebuilds
        .run(projection.name(), begun.map_err(refusal)?);
    Ok(StatusCode::ACCEPTED)
}

/// Cancel a rebuild
///
/// Whichever process works on it stops soon and drops the new tables; the live ones have not changed.
#[utoipa::path(
    delete,
    path = "/projections/{name}/rebuild",
    operation_id = "cancel_rebuild",
    tag = "operator",
    params(("name" = String, Path, description = "As `GET /projections` names it", example = "orders")),
    responses(
        (status = 202, description = "It will end"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "There is no such projection, or it is not being rebuilt: `rebuild-not-found`"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn cancel(
    State(reader): State<Reader>,
    _admin: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    let projection = projection(&name).map_err(refusal)?;
    let cancelled = rebuild::cancel(&reader.databases, projection).await;
    cancelled.map_err(refusal)?;
    Ok(StatusCode::ACCEPTED)
}

/// Go back to the tables of before
///
/// The previous tables catch up with the log, beside the live ones, and take their place in one moment; the live ones are
/// the previous ones then.
#[utoipa::path(
    post,
    path = "/projections/{name}/previous",
    operation_id = "go_back_to_previous",
    tag = "operator",
    params(("name" = String, Path, description = "As `GET /projections` names it", example = "orders")),
    responses(
        (status = 202, description = "It has begun"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "There is no such projection"),
        (status = 409, description = "There are none, or of another version: `no-way-back`; or it is being rebuilt: `rebuild-running`"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn go_back(
    State(reader): State<Reader>,
    _admin: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    let projection = projection(&name).map_err(refusal)?;
    let begun = rebuild::begin_back(&reader.log, &reader.databases, projection).await;
    reader
        .rebuilds
        .run(projection.name(), begun.map_err(refusal)?);
    Ok(StatusCode::ACCEPTED)
}

/// Drop the tables of before
///
/// There is no way back then. The next rebuild drops them as well.
#[utoipa::path(
    delete,
    path = "/projections/{name}/previous",
    operation_id = "drop_previous",
    tag = "operator",
    params(("name" = String, Path, description = "As `GET /projections` names it", example = "orders")),
    responses(
        (status = 204, description = "They are gone"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "There is no such projection"),
        (status = 409, description = "It is being rebuilt: `rebuild-running`"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn drop_previous(
    State(reader): State<Reader>,
    _admin: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    let projection = projection(&name).map_err(refusal)?;
    match rebuild::drop_previous(&reader.databases, projection).await {
        // Said twice, done once.
        Ok(()) | Err(RebuildError::NoPrevious(_)) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: RebuildError) -> Problem {
    let text = error.to_string();
    match error {
        RebuildError::Unknown(_) => {
            Problem::not_found("projection-not-found", "Projection not found")
        }
        RebuildError::Running(_) => Problem::conflict("rebuild-running", "Being rebuilt already"),
        RebuildError::NothingRunning(_) => {
            Problem::not_found("rebuild-not-found", "Not being rebuilt")
        }
        RebuildError::NoPrevious(_) | RebuildError::OtherPrevious { .. } => {
            Problem::conflict("no-way-back", "No way back").detail(text)
        }
        RebuildError::Cancelled(_) | RebuildError::Stopped(_) | RebuildError::Refused(_) => {
            anyhow::Error::new(error).into()
        }
        RebuildError::Other(error) => no_answer(error),
    }
}
