//! The events themselves, as they stand in the log: `GET /audit`, and the whole of it for `mart audit export`.

mod export;
pub(crate) mod places;
mod secrets;
pub(crate) mod select;
mod walk;

use axum::{
    extract::State,
    http::{Uri, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Admin, Freshness, PageLimit, Query, Result, next_link_by};
use sqlx::{FromRow, PgPool};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    page::{self, one_more},
    reader::{Reader, database},
};

pub use export::{Exported, Format, UnknownFormat, export};

/// An event and who caused it.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct AuditEntry {
    /// Place in the log, from 1
    #[schema(example = 7)]
    pub position: i64,
    /// Its own id
    #[schema(example = "0198c0de-0000-7000-8000-000000000004")]
    pub event_id: Uuid,
    /// `product`, `stock`, `order`, `payment`, `account`, `claim` or `session`
    #[schema(example = "order")]
    pub aggregate_type: String,
    /// The id that callers know it by
    #[schema(example = "0198c0de-0000-7000-8000-000000000003")]
    pub aggregate_id: String,
    /// Place in its aggregate, from 1
    #[schema(example = 1)]
    pub sequence: i64,
    /// What happened
    #[schema(example = "placed")]
    pub event_type: String,
    /// Never falls with the position
    pub recorded_at: DateTime<Utc>,
    /// A user's id, `anonymous` or `system`
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    pub actor: String,
    /// The request that led to it
    #[schema(example = "0198c0de-0000-7000-8000-000000000005")]
    pub correlation_id: String,
    /// The event or command that led to it; the request's own id where the request did
    #[schema(example = "0198c0de-0000-7000-8000-000000000005")]
    pub causation_id: String,
    /// As it is stored, without password hashes and token digests
    #[schema(value_type = Object)]
    #[sqlx(json)]
    pub payload: Value,
}

/// Which events; all that is said must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// `product`, `stock`, `order`, `payment`, `account`, `claim` or `session`
    #[param(example = "order")]
    pub aggregate_type: Option<String>,
    /// The id that callers know it by
    pub aggregate_id: Option<Uuid>,
    /// What happened
    #[param(example = "placed")]
    pub event_type: Option<String>,
    /// A user's id, `anonymous` or `system`
    #[param(example = "anonymous")]
    pub actor: Option<String>,
    /// The request that led to it, as its `X-Request-Id` named it
    pub correlation_id: Option<String>,
    /// Recorded at this time or later (RFC 3339)
    pub from: Option<DateTime<Utc>>,
    /// Recorded at this time or earlier (RFC 3339)
    pub to: Option<DateTime<Utc>>,
    /// Only later positions
    pub after: Option<u64>,
    /// How many at most
    #[serde(default)]
    #[param(inline)]
    pub limit: PageLimit,
}

/// Which page of one aggregate's events.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// Only later positions
    after: Option<u64>,
    /// How many at most
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
}

/// The audit trail
///
/// In log order. All filters must hold. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit",
    tag = "operator",
    params(Filter, Freshness),
    responses(
        (status = 200, description = "A page of events", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list(
    State(reader): State<Reader>,
    uri: Uri,
    _admin: Admin,
    freshness: Freshness,
    Query(filter): Query<Filter>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    let entries = first_page(reader.log.pool(), &filter)
        .await
        .map_err(database)?;
    Ok(answer(&uri, filter.limit, entries))
}

/// One aggregate's events.
pub(crate) async fn stream(
    pool: &PgPool,
    aggregate_type: &str,
    id: Uuid,
    since: Since,
) -> Result<Vec<AuditEntry>> {
    let filter = Filter {
        aggregate_type: Some(aggregate_type.to_owned()),
        aggregate_id: Some(id),
        after: since.after,
        limit: since.limit,
        ..Filter::default()
    };
    first_page(pool, &filter).await.map_err(database)
}

async fn first_page(pool: &PgPool, filter: &Filter) -> sqlx::Result<Vec<AuditEntry>> {
    let range = select::range(pool, filter).await?;
    select::page(pool, filter, range, one_more(filter.limit)).await
}

impl Since {
    pub(crate) fn answer(self, uri: &Uri, entries: Vec<AuditEntry>) -> Response {
        answer(uri, self.limit, entries)
    }
}

fn answer(uri: &Uri, limit: PageLimit, entries: Vec<AuditEntry>) -> Response {
    page::answer(limit, entries, |last| {
        let next = next_link_by(uri, "after", &last.position.to_string());
        (header::LINK, next)
    })
}
