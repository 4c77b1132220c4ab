//! The events themselves, as they stand in the log: `GET /audit`.

use axum::{
    extract::State,
    http::{Uri, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Admin, Freshness, PageLimit, Query, Result, next_link_by};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    page::{self, one_more},
    reader::{Reader, database},
};

/// What is left out of payloads, however deep.
const SECRETS: [&str; 2] = ["password_hash", "secret_digest"];

/// An event and who caused it.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct AuditEntry {
    /// Place in the log, from 1
    #[schema(example = 7)]
    position: i64,
    #[schema(example = "0198c0de-0000-7000-8000-000000000004")]
    event_id: Uuid,
    /// `product`, `stock`, `order`, `payment`, `account`, `claim` or `session`
    #[schema(example = "order")]
    aggregate_type: String,
    /// The id that callers know it by
    #[schema(example = "0198c0de-0000-7000-8000-000000000003")]
    aggregate_id: String,
    /// Place in its aggregate, from 1
    #[schema(example = 1)]
    sequence: i64,
    #[schema(example = "placed")]
    event_type: String,
    /// Never falls with the position
    recorded_at: DateTime<Utc>,
    /// A user's id, `anonymous` or `system`
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    actor: String,
    /// The request that led to it
    #[schema(example = "0198c0de-0000-7000-8000-000000000005")]
    correlation_id: String,
    /// The event or command that led to it, unless the request did
    causation_id: Option<String>,
    /// As it is stored, without password hashes and token digests
    #[schema(value_type = Object)]
    #[sqlx(json)]
    payload: Value,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[param(example = "order")]
    aggregate_type: Option<String>,
    aggregate_id: Option<Uuid>,
    #[param(example = "placed")]
    event_type: Option<String>,
    /// A user's id, `anonymous` or `system`
    #[param(example = "anonymous")]
    actor: Option<String>,
    /// Recorded at this time or later (RFC 3339)
    from: Option<DateTime<Utc>>,
    /// Recorded at this time or earlier (RFC 3339)
    to: Option<DateTime<Utc>>,
    /// Only later positions
    after: Option<u64>,
    /// How many at most
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
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
    let entries = select(reader.log.pool(), &filter).await.map_err(database)?;
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
    select(pool, &filter).await.map_err(database)
}

impl Since {
    pub(crate) fn answer(self, uri: &Uri, entries: Vec<AuditEntry>) -> Response {
        answer(uri, self.limit, entries)
    }
}

fn answer(uri: &Uri, limit: PageLimit, mut entries: Vec<AuditEntry>) -> Response {
    for entry in &mut entries {
        leave_out_secrets(&mut entry.payload);
    }
    page::answer(limit, entries, |last| {
        let next = next_link_by(uri, "after", &last.position.to_string());
        (header::LINK, next)
    })
}

/// Only the filters that were given, so that each combination gets a plan of its own.
async fn select(pool: &PgPool, filter: &Filter) -> sqlx::Result<Vec<AuditEntry>> {
    let after = filter.after.unwrap_or(0);
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(
        "select position, event_id, aggregate_type, aggregate_id, sequence, event_type, recorded_at,
                metadata->>'actor' as actor, metadata->>'correlation_id' as correlation_id,
                metadata->>'causation_id' as causation_id, payload
         from events where position > ",
    );
    query.push_bind(i64::try_from(after).unwrap_or(i64::MAX));
    if let Some(aggregate_type) = &filter.aggregate_type {
        query
            .push(" and aggregate_type = ")
            .push_bind(aggregate_type);
    }
    if let Some(aggregate_id) = filter.aggregate_id {
        query
            .push(" and aggregate_id = ")
            .push_bind(aggregate_id.to_string());
    }
    if let Some(event_type) = &filter.event_type {
        query.push(" and event_type = ").push_bind(event_type);
    }
    if let Some(actor) = &filter.actor {
        query.push(" and metadata->>'actor' = ").push_bind(actor);
    }
    if let Some(from) = filter.from {
        query.push(" and recorded_at >= ").push_bind(storable(from));
    }
    if let Some(to) = filter.to {
        query.push(" and recorded_at <= ").push_bind(storable(to));
    }
    query
        .push(" order by position limit ")
        .push_bind(one_more(filter.limit));
    query.build_query_as().fetch_all(pool).await
}

/// Times of the far past, which no event has, are more than Postgres can tell.
fn storable(time: DateTime<Utc>) -> DateTime<Utc> {
    time.max(DateTime::UNIX_EPOCH)
}

fn leave_out_secrets(payload: &mut Value) {
    match payload {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out_secrets);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::leave_out_secrets;

    #[test]
    fn secrets_are_left_out_however_deep_and_nothing_else_is() {
        let mut payload = json!({
            "registered": {"username": "alice", "password_hash": "$argon2id$…"},
            "sessions": [{"secret_digest": "ab", "expires_at": 1}],
        });
        leave_out_secrets(&mut payload);
        let rest = json!({"registered": {"username": "alice"}, "sessions": [{"expires_at": 1}]});
        assert_eq!(payload, rest);
    }
}
