//! What happened to one thing, from the log itself: `GET …/history`. A deleted one still has its history.

use axum::{extract::State, http::Uri, response::Response};
use serde_json::Value;
use service::{Admin, Caller, Freshness, Path, Problem, Query, Result};
use uuid::Uuid;

use crate::{
    audit::{self, AuditEntry, Since},
    reader::{Reader, database},
};

/// History of an order
///
/// For its customer and for admins; of a deleted order too.
#[utoipa::path(
    get,
    path = "/order/{id}/history",
    operation_id = "order_history",
    tag = "order",
    params(("id" = Uuid, Path, description = "The order"), Since, Freshness),
    responses(
        (status = 200, description = "Its events in log order", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 404, description = "`order-not-found`: unknown or another user's"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn order(
    State(reader): State<Reader>,
    uri: Uri,
    caller: Caller,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    Query(since): Query<Since>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    let first = first_event(&reader, "order", id).await?;
    first
        .filter(|placed| may_see(&caller, &placed["placed"]))
        .ok_or_else(|| Problem::not_found("order-not-found", "Order not found"))?;
    let entries = audit::stream(reader.log.pool(), "order", id, since).await?;
    Ok(since.answer(&uri, entries))
}

/// History of a payment
///
/// For its customer and for admins.
#[utoipa::path(
    get,
    path = "/payment/{id}/history",
    operation_id = "payment_history",
    tag = "payment",
    params(("id" = Uuid, Path, description = "The payment"), Since, Freshness),
    responses(
        (status = 200, description = "Its events in log order", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 404, description = "`payment-not-found`: unknown or another user's"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn payment(
    State(reader): State<Reader>,
    uri: Uri,
    caller: Caller,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    Query(since): Query<Since>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    let first = first_event(&reader, "payment", id).await?;
    first
        .filter(|attempted| may_see(&caller, &attempted["attempted"]))
        .ok_or_else(|| Problem::not_found("payment-not-found", "Payment not found"))?;
    let entries = audit::stream(reader.log.pool(), "payment", id, since).await?;
    Ok(since.answer(&uri, entries))
}

/// History of a product
///
/// For admins; of a deleted product too.
#[utoipa::path(
    get,
    path = "/product/{id}/history",
    operation_id = "product_history",
    tag = "product",
    params(("id" = Uuid, Path, description = "The product"), Since, Freshness),
    responses(
        (status = 200, description = "Its events in log order", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "`product-not-found`: there never was one"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn product(
    State(reader): State<Reader>,
    uri: Uri,
    _admin: Admin,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    Query(since): Query<Since>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    first_event(&reader, "product", id)
        .await?
        .ok_or_else(|| Problem::not_found("product-not-found", "Product not found"))?;
    let entries = audit::stream(reader.log.pool(), "product", id, since).await?;
    Ok(since.answer(&uri, entries))
}

/// History of a stock record
///
/// For admins; of a deleted product's too.
#[utoipa::path(
    get,
    path = "/inventory/{id}/history",
    operation_id = "stock_history",
    tag = "inventory",
    params(("id" = Uuid, Path, description = "The stock record"), Since, Freshness),
    responses(
        (status = 200, description = "Its events in log order", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 403, description = "Not an admin"),
        (status = 404, description = "`stock-not-found`"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn inventory(
    State(reader): State<Reader>,
    uri: Uri,
    _admin: Admin,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    Query(since): Query<Since>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    first_event(&reader, "stock", id)
        .await?
        .ok_or_else(|| Problem::not_found("stock-not-found", "Stock record not found"))?;
    let entries = audit::stream(reader.log.pool(), "stock", id, since).await?;
    Ok(since.answer(&uri, entries))
}

/// The caller's own history
///
/// What happened to the account: registration, roles, passwords.
#[utoipa::path(
    get,
    path = "/user/me/history",
    operation_id = "my_history",
    tag = "user",
    params(Since, Freshness),
    responses(
        (status = 200, description = "The account's events in log order", body = [AuditEntry],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not now, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn me(
    State(reader): State<Reader>,
    uri: Uri,
    caller: Caller,
    freshness: Freshness,
    Query(since): Query<Since>,
) -> Result<Response> {
    reader.remembers(freshness).await?;
    let entries = audit::stream(reader.log.pool(), "account", caller.user_id, since).await?;
    Ok(since.answer(&uri, entries))
}

/// The payload of the event that everything about this thing began with; none when there never was such a thing.
async fn first_event(reader: &Reader, aggregate_type: &str, id: Uuid) -> Result<Option<Value>> {
    sqlx::query_scalar(
        "select payload from events where aggregate_type = $1 and aggregate_id = $2 and sequence = 1",
    )
    .bind(aggregate_type)
    .bind(id.to_string())
    .fetch_optional(reader.log.pool())
    .await
    .map_err(database)
}

/// Admins may see everything; customers what names them.
fn may_see(caller: &Caller, first: &Value) -> bool {
    caller.is_admin() || first["user_id"] == caller.user_id.to_string()
}
