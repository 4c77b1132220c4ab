//! What a customer ordered: `GET /orders` and `GET /order/{id}`.

use axum::{extract::State, http::Uri, response::Response};
use chrono::{DateTime, Utc};
use event_store::Log;
use projectors::orders;
use proto::Topic;
use serde::Serialize;
use service::{Caller, Freshness, Path, Problem, Query, Result};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    at::{self, Aggregate, At, Past},
    etag::IfNoneMatch,
    page::{List, Paging, one_more},
    price::Price,
    reader::{Reader, database},
};

const PROJECTION: &str = "orders";

/// An order as its customer sees it.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are called as callers know them"
)]
pub struct Order {
    /// Position of the event that placed it
    #[schema(example = 7)]
    id: i64,
    #[schema(example = "0198c0de-0000-7000-8000-000000000003")]
    order_id: Uuid,
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    product_id: Uuid,
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    user_id: Uuid,
    #[schema(example = 2)]
    quantity: i32,
    #[schema(example = "123 Main St")]
    shipping_address: String,
    #[schema(example = "Ring twice")]
    customer_notes: Option<String>,
    /// `IN_PROGRESS`, or `COMPLETED` when it is paid
    #[schema(example = "IN_PROGRESS")]
    order_status: String,
    /// `PENDING`, `PAID` or `FAILED`
    #[schema(example = "PENDING")]
    payment_status: String,
    /// Of one unit at the time of ordering; exact
    #[schema(value_type = f64, example = 999.99)]
    #[sqlx(try_from = "String")]
    unit_price: Price,
    /// Of all units; exact
    #[schema(value_type = f64, example = 1999.98)]
    #[sqlx(try_from = "String")]
    total: Price,
    placed_at: DateTime<Utc>,
    #[serde(skip)]
    version: i64,
}

/// The caller's orders
///
/// The newest first. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/orders",
    operation_id = "list_orders",
    tag = "order",
    params(Paging, Freshness),
    responses(
        (status = 200, description = "A page of orders", body = [Order],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A cursor or a consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list(
    State(reader): State<Reader>,
    uri: Uri,
    caller: Caller,
    freshness: Freshness,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let before = List::Orders.last_shown(&reader, paging.cursor.as_deref())?;
    reader.shows(PROJECTION, freshness).await?;
    let orders: Vec<Order> = sqlx::query_as(
        "select id, order_id, product_id, user_id, quantity, shipping_address, customer_notes, order_status,
                payment_status, unit_price::text as unit_price, total::text as total, placed_at, version
         from orders where user_id = $1 and id < $2 order by id desc limit $3",
    )
    .bind(caller.user_id)
    .bind(before.unwrap_or(i64::MAX))
    .bind(one_more(paging.limit))
    .fetch_all(&reader.databases.order)
    .await
    .map_err(database)?;
    Ok(List::Orders.page(&reader, &uri, paging.limit, orders, |order| order.id))
}

/// One of the caller's orders
///
/// Another user's answers as an unknown one.
#[utoipa::path(
    get,
    path = "/order/{id}",
    operation_id = "order",
    tag = "order",
    params(("id" = Uuid, Path, description = "The order"), At, Freshness, IfNoneMatch),
    responses(
        (status = 200, description = "The order", body = Order,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 404, description = "`order-not-found`: unknown, deleted or another user's"),
        (status = 422, description = "The id is no UUID, `at` no moment, or the parameter unknown"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn one(
    State(reader): State<Reader>,
    caller: Caller,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    known: IfNoneMatch,
    Query(At { at }): Query<At>,
) -> Result<Response> {
    let order = match at {
        None => now(&reader, freshness, id, caller.user_id).await?,
        Some(moment) => at::then::<Order>(&reader, freshness, id, moment)
            .await?
            .filter(|order| order.user_id == caller.user_id),
    };
    let order = order.ok_or_else(|| Problem::not_found("order-not-found", "Order not found"))?;
    Ok(known.answer(&order.version.to_string(), &order))
}

/// As the read model has it.
async fn now(
    reader: &Reader,
    freshness: Freshness,
    id: Uuid,
    user_id: Uuid,
) -> Result<Option<Order>> {
    reader.shows(PROJECTION, freshness).await?;
    sqlx::query_as(
        "select id, order_id, product_id, user_id, quantity, shipping_address, customer_notes, order_status,
                payment_status, unit_price::text as unit_price, total::text as total, placed_at, version
         from orders where order_id = $1 and user_id = $2",
    )
    .bind(id)
    .bind(user_id)
    .fetch_optional(&reader.databases.order)
    .await
    .map_err(database)
}

impl Past for Order {
    const AGGREGATE: Aggregate = Aggregate::Order;

    async fn then(log: &Log, id: Uuid, position: i64) -> anyhow::Result<Option<Self>> {
        let order = at::fold(log, Topic::Order, id, position, None, orders::fold).await?;
        Ok(order.as_ref().and_then(orders::Order::row).map(Self::from))
    }
}

impl From<&orders::Row> for Order {
    fn from(row: &orders::Row) -> Self {
        Self {
            id: row.id,
            order_id: row.order_id,
            product_id: row.product_id,
            user_id: row.user_id,
            quantity: row.quantity,
            shipping_address: row.shipping_address.clone(),
            customer_notes: row.customer_notes.clone(),
            order_status: row.order_status.as_str().to_owned(),
            payment_status: row.payment_status.as_str().to_owned(),
            unit_price: Price::of_minor(row.unit_price_minor),
            total: Price::of_minor(row.total_minor()),
            placed_at: row.placed_at,
            version: row.version,
        }
    }
}
