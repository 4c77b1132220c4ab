//! What a customer paid, or tried to: `GET /payments` and `GET /payment/{id}`.

use axum::{extract::State, http::Uri, response::Response};
use chrono::{DateTime, Utc};
use event_store::Log;
use projectors::payment;
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

const PROJECTION: &str = "payment";

/// A payment as its customer sees it: one for each order, however often it was tried.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are called as callers know them"
)]
pub struct Payment {
    /// Position of the first attempt
    #[schema(example = 9)]
    id: i64,
    #[schema(example = "6f3c5a1e-8d7b-5c2a-9e4f-1b2c3d4e5f60")]
    payment_id: Uuid,
    #[schema(example = "0198c0de-0000-7000-8000-000000000003")]
    order_id: Uuid,
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    user_id: Uuid,
    /// `PENDING`, `PAID` or `FAILED`; of the last attempt
    #[schema(example = "PAID")]
    payment_status: String,
    /// Exact
    #[schema(value_type = f64, example = 1999.98)]
    #[sqlx(try_from = "String")]
    amount: Price,
    #[schema(example = "USD")]
    currency: String,
    #[sqlx(flatten)]
    card: Card,
    /// Why the last attempt was declined
    decline_code: Option<String>,
    #[schema(example = 1)]
    attempts: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(skip)]
    version: i64,
}

/// What may be known of a card.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct Card {
    #[schema(example = "visa")]
    #[sqlx(rename = "card_brand")]
    brand: String,
    #[schema(example = "4242")]
    #[sqlx(rename = "card_last4")]
    last4: String,
}

/// The caller's payments
///
/// The newest first. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/payments",
    operation_id = "list_payments",
    tag = "payment",
    params(Paging, Freshness),
    responses(
        (status = 200, description = "A page of payments", body = [Payment],
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
    let before = List::Payments.last_shown(&reader, paging.cursor.as_deref())?;
    reader.shows(PROJECTION, freshness).await?;
    let payments: Vec<Payment> = sqlx::query_as(
        "select id, payment_id, order_id, user_id, payment_status, amount::text as amount, currency, card_brand,
                card_last4, decline_code, attempts, created_at, updated_at, version
         from payment where user_id = $1 and id < $2 order by id desc limit $3",
    )
    .bind(caller.user_id)
    .bind(before.unwrap_or(i64::MAX))
    .bind(one_more(paging.limit))
    .fetch_all(&reader.databases.payment)
    .await
    .map_err(database)?;
    Ok(List::Payments.page(&reader, &uri, paging.limit, payments, |payment| payment.id))
}

/// One of the caller's payments
///
/// Another user's answers as an unknown one.
#[utoipa::path(
    get,
    path = "/payment/{id}",
    operation_id = "payment",
    tag = "payment",
    params(("id" = Uuid, Path, description = "The payment"), At, Freshness, IfNoneMatch),
    responses(
        (status = 200, description = "The payment", body = Payment,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "A consistency token that is none"),
        (status = 401, description = "No good access token"),
        (status = 404, description = "`payment-not-found`: unknown or another user's"),
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
    let payment = match at {
        None => now(&reader, freshness, id, caller.user_id).await?,
        Some(moment) => at::then::<Payment>(&reader, freshness, id, moment)
            .await?
            .filter(|payment| payment.user_id == caller.user_id),
    };
    let payment =
        payment.ok_or_else(|| Problem::not_found("payment-not-found", "Payment not found"))?;
    Ok(known.answer(&payment.version.to_string(), &payment))
}

/// As the read model has it.
async fn now(
    reader: &Reader,
    freshness: Freshness,
    id: Uuid,
    user_id: Uuid,
) -> Result<Option<Payment>> {
    reader.shows(PROJECTION, freshness).await?;
    sqlx::query_as(
        "select id, payment_id, order_id, user_id, payment_status, amount::text as amount, currency, card_brand,
                card_last4, decline_code, attempts, created_at, updated_at, version
         from payment where payment_id = $1 and user_id = $2",
    )
    .bind(id)
    .bind(user_id)
    .fetch_optional(&reader.databases.payment)
    .await
    .map_err(database)
}

impl Past for Payment {
    const AGGREGATE: Aggregate = Aggregate::Payment;

    async fn then(log: &Log, id: Uuid, position: i64) -> anyhow::Result<Option<Self>> {
        let payment = at::fold(log, Topic::Payment, id, position, None, payment::fold).await?;
        Ok(payment.map(Self::from))
    }
}

impl From<payment::Row> for Payment {
    fn from(row: payment::Row) -> Self {
        Self {
            id: row.id,
            payment_id: row.payment_id,
            order_id: row.order_id,
            user_id: row.user_id,
            payment_status: row.payment_status.as_str().to_owned(),
            amount: Price::of_minor(row.amount_minor),
            currency: row.currency,
            card: Card {
                brand: row.card_brand,
                last4: row.card_last4,
            },
            decline_code: row.decline_code,
            attempts: row.attempts,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}
