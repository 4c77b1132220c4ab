//! Orders: `POST /order/{id}` (a product's), `PUT` and `DELETE /order/{id}` (the order's).

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::id::{OrderId, ProductId, StockId, UserId};
use domain::order::{Command, Details, PaymentState};
use domain::quantity::{Difference, Quantity};
use domain::text::{Address, Notes};
use domain::{Order, Product, Stock, order, stock};
use event_store::Unit;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::{Caller, IfMatch, Json, Path, decimal};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::refusal::{Halted, Refusal, Result};
use crate::shop::{Request, Shop, Shown, by, expect_version};

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(place, change, cancel))
}

/// What is ordered, and where it goes.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderWish {
    #[schema(value_type = i64, minimum = 1, maximum = 1000, example = 2)]
    quantity: Quantity,
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "123 Main St, City, Country")]
    shipping_address: Address,
    #[schema(value_type = Option<String>, max_length = 1000, example = "Please deliver in the morning")]
    customer_notes: Option<Notes>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
struct OrderBody {
    /// log position of the creating event
    #[schema(example = 5)]
    id: i64,
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    #[schema(value_type = uuid::Uuid)]
    product_id: ProductId,
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    #[schema(value_type = i64, example = 2)]
    quantity: Quantity,
    #[schema(value_type = String, example = "123 Main St, City, Country")]
    shipping_address: Address,
    #[schema(value_type = Option<String>, example = "Please deliver in the morning")]
    customer_notes: Option<Notes>,
    /// `IN_PROGRESS` or `COMPLETED` (paid)
    #[schema(example = "IN_PROGRESS")]
    order_status: &'static str,
    /// `PENDING`, `PAID` or `FAILED`
    #[schema(example = "PENDING")]
    payment_status: &'static str,
    /// the price at the time of ordering
    #[schema(value_type = f64, example = 999.99)]
    unit_price: Box<RawValue>,
    #[schema(value_type = f64, example = 1999.98)]
    total: Box<RawValue>,
    placed_at: DateTime<Utc>,
}

/// Order a product
///
/// The id is the product's. Its price now is the order's for good; the units are reserved until it is paid or deleted.
#[utoipa::path(
    post,
    path = "/order/{id}",
    tag = "order",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `product_id` (`order_id` for all other operations)")),
    request_body = OrderWish,
    responses(
        (status = 201, description = "placed", body = OrderBody,
            headers(("Location" = String), ("ETag" = String), ("Consistency-Token" = String))),
        (status = 401, description = "no access token, or no good one"),
        (status = 404, description = "`product-not-found`"),
        (status = 409, description = "`insufficient-stock` with `available`; `product-not-offered`"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn place(
    State(shop): State<Shop>,
    caller: Caller,
    request: Request,
    Path(product_id): Path<ProductId>,
    Json(wish): Json<OrderWish>,
) -> Result<Answer> {
    let id: OrderId = shop.ids.fresh();
    let (user_id, at) = (UserId::from(caller.user_id), shop.clock.now());
    let shown = shop
        .write::<Order, _, _>(by(Some(&caller), &request), id, move |unit| {
            let unit_price = match unit.get::<Product>(product_id)?.price_for_order() {
                Ok(price) => price,
                Err(refused) => return unit.refuse(refused),
            };
            let OrderWish {
                quantity,
                shipping_address,
                customer_notes,
            } = wish.clone();
            unit.decide::<Stock>(
                StockId::of(product_id),
                stock::Command::Reserve {
                    order_id: id,
                    quantity,
                },
            )?;
            let command = Command::Place {
                product_id,
                user_id,
                quantity,
                unit_price,
                shipping_address,
                customer_notes,
                at,
            };
            unit.create::<Order>(id, command)?;
            Ok(())
        })
        .await?;
    Ok(Answer::created(body(id, &shown)?)
        .at(&format!("/order/{id}"))
        .of(&shown, Some(&caller)))
}

/// Order otherwise
///
/// The price stays the one at the time of ordering; stock is reserved anew by the difference.
#[utoipa::path(
    put,
    path = "/order/{id}",
    tag = "order",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `order_id`"), IfMatch),
    request_body = OrderWish,
    responses(
        (status = 200, description = "changed, or as said before", body = OrderBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 401, description = "no access token, or no good one"),
        (status = 404, description = "`order-not-found`, also another user's"),
        (status = 409, description = "`order-already-paid`, `payment-in-progress`, `insufficient-stock` with `available`, `stock-retired`"),
        (status = 412, description = "`If-Match` is stale"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn change(
    State(shop): State<Shop>,
    caller: Caller,
    request: Request,
    if_match: IfMatch,
    Path(id): Path<OrderId>,
    Json(wish): Json<OrderWish>,
) -> Result<Answer> {
    let user_id = UserId::from(caller.user_id);
    let shown = shop
        .write::<Order, _, _>(by(Some(&caller), &request), id, move |unit| {
            let (before, version) = (unit.get::<Order>(id)?, unit.version::<Order>(id)?);
            let OrderWish {
                quantity,
                shipping_address,
                customer_notes,
            } = wish.clone();
            unit.decide::<Order>(
                id,
                Command::Change {
                    by: user_id,
                    quantity,
                    shipping_address,
                    customer_notes,
                },
            )?;
            expect_version(version, if_match)?;
            match before.details() {
                Some(details) => reserve_difference(unit, id, details, quantity),
                None => unit.refuse(order::Error::NotFound),
            }
        })
        .await?;
    Ok(Answer::ok(body(id, &shown)?).of(&shown, Some(&caller)))
}

/// Not order after all
///
/// Releases the stock. The order answers 404 from then on.
#[utoipa::path(
    delete,
    path = "/order/{id}",
    tag = "order",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `order_id`"), IfMatch),
    responses(
        (status = 204, description = "deleted, its stock released", headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 401, description = "no access token, or no good one"),
        (status = 404, description = "`order-not-found`, also another user's"),
        (status = 409, description = "`order-already-paid`, `payment-in-progress`"),
        (status = 412, description = "`If-Match` is stale"),
        (status = 422, description = "the id is no UUID"),
    )
)]
async fn cancel(
    State(shop): State<Shop>,
    caller: Caller,
    request: Request,
    if_match: IfMatch,
    Path(id): Path<OrderId>,
) -> Result<Answer> {
    let user_id = UserId::from(caller.user_id);
    let shown = shop
        .write::<Order, _, _>(by(Some(&caller), &request), id, move |unit| {
            let (before, version) = (unit.get::<Order>(id)?, unit.version::<Order>(id)?);
            unit.decide::<Order>(id, Command::Cancel { by: user_id })?;
            expect_version(version, if_match)?;
            match before.details() {
                Some(details) => release(unit, id, details.product_id, details.quantity),
                None => unit.refuse(order::Error::NotFound),
            }
        })
        .await?;
    Ok(Answer::no_content().of(&shown, Some(&caller)))
}

fn reserve_difference(
    unit: &mut Unit<'_, Refusal>,
    order_id: OrderId,
    before: &Details,
    wanted: Quantity,
) -> Halted<()> {
    match before.quantity.difference_to(wanted) {
        Difference::Same => Ok(()),
        Difference::More(quantity) => {
            unit.decide::<Stock>(
                StockId::of(before.product_id),
                stock::Command::Reserve { order_id, quantity },
            )?;
            Ok(())
        }
        Difference::Fewer(quantity) => release(unit, order_id, before.product_id, quantity),
    }
}

fn release(
    unit: &mut Unit<'_, Refusal>,
    order_id: OrderId,
    product_id: ProductId,
    quantity: Quantity,
) -> Halted<()> {
    unit.decide::<Stock>(
        StockId::of(product_id),
        stock::Command::Release { order_id, quantity },
    )?;
    Ok(())
}

fn body(id: OrderId, shown: &Shown<Order>) -> Result<OrderBody> {
    let (details, order_status, payment_status) = match &*shown.state {
        Order::Placed {
            details,
            payment: PaymentState::Pending | PaymentState::InProgress { .. },
        } => (details, "IN_PROGRESS", "PENDING"),
        Order::Placed {
            details,
            payment: PaymentState::Failed { .. },
        } => (details, "IN_PROGRESS", "FAILED"),
        Order::Paid { details, .. } => (details, "COMPLETED", "PAID"),
        Order::New | Order::Cancelled => return Err(order::Error::NotFound.into()),
    };
    Ok(OrderBody {
        id: shown.number,
        order_id: id,
        product_id: details.product_id,
        user_id: details.user_id,
        quantity: details.quantity,
        shipping_address: details.shipping_address.clone(),
        customer_notes: details.customer_notes.clone(),
        order_status,
        payment_status,
        unit_price: decimal::from_minor(details.unit_price.money().minor),
        total: decimal::from_minor(details.total().minor),
        placed_at: details.placed_at,
    })
}
