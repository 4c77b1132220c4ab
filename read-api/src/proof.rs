//! That an event is in the log, and was not changed since: `GET /audit/{position}/proof`.

use axum::extract::State;
use event_store::seal::{self, Proof, Proven};
use service::{Admin, Freshness, Json, Path, Problem, Query, Result};

use crate::{
    page::NoParameters,
    reader::{Reader, no_answer},
};

/// The proof of one event
///
/// It leads from the event to the root that a signed checkpoint tells of, and is checked without the database:
/// `mart audit check-proof FILE`. A payload that holds a secret is left out; its hash stands for it.
#[utoipa::path(
    get,
    path = "/audit/{position}/proof",
    operation_id = "audit_proof",
    tag = "operator",
    params(("position" = i64, Path, description = "Place in the log, from 1", example = 7), Freshness),
    responses(
        (status = 200, description = "The event's columns, its way to the root, and the signed checkpoint", body = Object),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "`event-not-found`: the log has none there"),
        (status = 422, description = "The position is no number, or there is a parameter"),
        (status = 503, description = "Not sealed yet, which takes about a second, or not now; see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn one(
    State(reader): State<Reader>,
    _admin: Admin,
    Path(position): Path<i64>,
    freshness: Freshness,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Json<Proof>> {
    reader.remembers(freshness).await?;
    match seal::proof(&reader.log, position)
        .await
        .map_err(no_answer)?
    {
        Proven::Sealed(proof) => Ok(Json(*proof)),
        Proven::NoSuchEvent => Err(Problem::not_found("event-not-found", "Event not found")),
        Proven::NotSealedYet => {
            Err(Problem::unavailable("the event is not sealed yet").retry_after(1))
        }
    }
}
