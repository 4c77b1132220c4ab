//! Stock records: `POST /inventory/{id}`, `PUT /inventory/{id}`, `POST /inventory/{id}/adjustment`.

use axum::extract::State;
use domain::id::{ProductId, StockId};
use domain::quantity::{Adjustment, StockLevel};
use domain::stock::Command;
use domain::text::Reason;
use domain::{Product, Stock, product};
use serde::{Deserialize, Serialize};
use service::{IfMatch, Json, Keeper, Path};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::refusal::{Refusal, Result};
use crate::shop::{Request, Shop, Shown, by, expect_version};

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(open, set_level))
        .routes(routes!(adjust))
}

/// How many units lie on the shelf.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LevelWish {
    #[schema(value_type = i64, minimum = 0, maximum = 1_000_000_000, example = 100)]
    stock_level: StockLevel,
}

/// How many units come or go.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdjustmentWish {
    /// not 0; negative takes away
    #[schema(value_type = i64, minimum = -1_000_000_000, maximum = 1_000_000_000, example = -3)]
    by: Adjustment,
    #[schema(value_type = Option<String>, max_length = 500, example = "broken in transport")]
    reason: Option<Reason>,
}

/// A product's stock.
#[derive(Debug, Serialize, ToSchema)]
struct StockBody {
    /// log position of the creating event
    #[schema(example = 2)]
    id: i64,
    #[schema(value_type = uuid::Uuid)]
    inventory_id: StockId,
    #[schema(value_type = uuid::Uuid)]
    product_id: ProductId,
    /// units on the shelf, reserved ones included
    #[schema(example = 100)]
    stock_level: u32,
    #[schema(example = 2)]
    reserved_stock: u32,
    #[schema(example = 98)]
    available_stock: u32,
    #[schema(example = 0)]
    sold_stock: u64,
}

/// Begin to keep stock of a product
///
/// The id is the product's. Needs no login in the `dev` profile, the admin role in `prod`.
#[utoipa::path(
    post,
    path = "/inventory/{id}",
    tag = "inventory",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `product_id` (`inventory_id` for all other operations)")),
    request_body = LevelWish,
    responses(
        (status = 201, description = "opened", body = StockBody,
            headers(("Location" = String), ("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 404, description = "`product-not-found`"),
        (status = 409, description = "`stock-exists`"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn open(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    Path(product_id): Path<ProductId>,
    Json(wish): Json<LevelWish>,
) -> Result<Answer> {
    let id = StockId::of(product_id);
    let shown = shop
        .write::<Stock, _, _>(by(keeper.as_ref(), &request), id, move |unit| {
            match &*unit.get::<Product>(product_id)? {
                Product::Listed { .. } => {}
                Product::New | Product::Deleted => return unit.refuse(product::Error::NotFound),
            }
            unit.decide::<Stock>(
                id,
                Command::Open {
                    product_id,
                    level: wish.stock_level,
                },
            )?;
            Ok(())
        })
        .await?;
    Ok(Answer::created(body(id, &shown)?)
        .at(&format!("/inventory/{id}"))
        .of(&shown, keeper.as_ref()))
}

/// Set the level
///
/// Needs no login in the `dev` profile, the admin role in `prod`.
#[utoipa::path(
    put,
    path = "/inventory/{id}",
    tag = "inventory",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `inventory_id`"), IfMatch),
    request_body = LevelWish,
    responses(
        (status = 200, description = "set, or as said before", body = StockBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 404, description = "`stock-not-found`"),
        (status = 409, description = "`stock-below-reserved`, `stock-retired`"),
        (status = 412, description = "`If-Match` is stale"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn set_level(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    if_match: IfMatch,
    Path(id): Path<StockId>,
    Json(wish): Json<LevelWish>,
) -> Result<Answer> {
    let shown = shop
        .write::<Stock, _, _>(by(keeper.as_ref(), &request), id, move |unit| {
            let before = unit.version::<Stock>(id)?;
            unit.decide::<Stock>(
                id,
                Command::SetLevel {
                    level: wish.stock_level,
                },
            )?;
            expect_version(before, if_match)
        })
        .await?;
    Ok(Answer::ok(body(id, &shown)?).of(&shown, keeper.as_ref()))
}

/// Put units on the shelf, or take some away
///
/// Needs no login in the `dev` profile, the admin role in `prod`.
#[utoipa::path(
    post,
    path = "/inventory/{id}/adjustment",
    tag = "inventory",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the `inventory_id`")),
    request_body = AdjustmentWish,
    responses(
        (status = 200, description = "adjusted", body = StockBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 404, description = "`stock-not-found`"),
        (status = 409, description = "`stock-out-of-range`, `stock-below-reserved`, `stock-retired`"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn adjust(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    Path(id): Path<StockId>,
    Json(wish): Json<AdjustmentWish>,
) -> Result<Answer> {
    let shown = shop
        .write::<Stock, _, _>(by(keeper.as_ref(), &request), id, move |unit| {
            unit.decide::<Stock>(
                id,
                Command::Adjust {
                    by: wish.by,
                    reason: wish.reason.clone(),
                },
            )?;
            Ok(())
        })
        .await?;
    Ok(Answer::ok(body(id, &shown)?).of(&shown, keeper.as_ref()))
}

fn body(id: StockId, shown: &Shown<Stock>) -> Result<StockBody> {
    let levels = shown
        .state
        .levels()
        .ok_or(Refusal::from(domain::stock::Error::NotFound))?;
    Ok(StockBody {
        id: shown.number,
        inventory_id: id,
        product_id: levels.product_id,
        stock_level: levels.level,
        reserved_stock: levels.reserved,
        available_stock: levels.available(),
        sold_stock: levels.sold,
    })
}
