//! Products: `POST /product`, `PUT` and `DELETE /product/{id}`.

use axum::extract::State;
use domain::id::{ProductId, StockId};
use domain::money::Price;
use domain::product::Command;
use domain::text::{Description, ProductName};
use domain::{Product, Stock, stock};
use event_store::Unit;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use service::{IfMatch, Json, Keeper, Path, decimal};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::refusal::{Halted, Refusal, Result};
use crate::shop::{Request, Shop, Shown, by, expect_version};

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(change, delete))
}

/// What is said about a product.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProductWish {
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Laptop")]
    name: ProductName,
    #[schema(value_type = String, max_length = 5000, example = "High-performance laptop")]
    description: Description,
    /// at most 2 decimal places
    #[serde(deserialize_with = "exact_price")]
    #[schema(value_type = f64, minimum = 0.01, maximum = 1_000_000, example = 999.99)]
    price: Price,
    /// whether it is offered
    #[serde(default = "offered_unless_told")]
    #[schema(default = true)]
    is_available: bool,
}

/// A product of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct ProductBody {
    /// log position of the creating event
    #[schema(example = 1)]
    id: i64,
    #[schema(value_type = uuid::Uuid)]
    product_id: ProductId,
    #[schema(value_type = String, example = "Laptop")]
    name: ProductName,
    #[schema(value_type = String, example = "High-performance laptop")]
    description: Description,
    #[schema(value_type = f64, example = 999.99)]
    price: Box<RawValue>,
    /// offered, and at least one unit is free
    #[schema(example = false)]
    is_available: bool,
}

/// Put a product into the catalogue
///
/// Needs no login in the `dev` profile, the admin role in `prod`.
#[utoipa::path(
    post,
    path = "/product",
    tag = "product",
    security((), ("bearer" = [])),
    request_body = ProductWish,
    responses(
        (status = 201, description = "created", body = ProductBody,
            headers(("Location" = String), ("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn create(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    Json(wish): Json<ProductWish>,
) -> Result<Answer> {
    let id: ProductId = shop.ids.fresh();
    let context = by(keeper.as_ref(), &request);
    let shown = shop
        .write::<Product, _, _>(context, id, move |unit| {
            unit.create::<Product>(id, wish.clone().create())?;
            Ok(false) // nothing of it can lie on a shelf yet
        })
        .await?;
    Ok(Answer::created(body(id, &shown)?)
        .at(&format!("/product/{id}"))
        .of(&shown, keeper.as_ref()))
}

/// Describe a product anew
///
/// Needs no login in the `dev` profile, the admin role in `prod`.
#[utoipa::path(
    put,
    path = "/product/{id}",
    tag = "product",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the product's `product_id`"), IfMatch),
    request_body = ProductWish,
    responses(
        (status = 200, description = "changed, or as said before", body = ProductBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 404, description = "`product-not-found`"),
        (status = 412, description = "`If-Match` is stale"),
        (status = 422, description = "a value is not what it must be"),
    )
)]
async fn change(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    if_match: IfMatch,
    Path(id): Path<ProductId>,
    Json(wish): Json<ProductWish>,
) -> Result<Answer> {
    let context = by(keeper.as_ref(), &request);
    let shown = shop
        .write::<Product, _, _>(context, id, move |unit| {
            let before = unit.version::<Product>(id)?;
            unit.decide::<Product>(id, wish.clone().change())?;
            expect_version(before, if_match)?;
            any_free(unit, id)
        })
        .await?;
    Ok(Answer::ok(body(id, &shown)?).of(&shown, keeper.as_ref()))
}

/// Take a product out of the catalogue
///
/// Its stock record takes no new reservation; placed orders stand. Needs no login in the `dev` profile, the admin role
/// in `prod`.
#[utoipa::path(
    delete,
    path = "/product/{id}",
    tag = "product",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "the product's `product_id`"), IfMatch),
    responses(
        (status = 204, description = "deleted", headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 403, description = "in `prod`: not an admin"),
        (status = 404, description = "`product-not-found`"),
        (status = 412, description = "`If-Match` is stale"),
        (status = 422, description = "the id is no UUID"),
    )
)]
async fn delete(
    State(shop): State<Shop>,
    Keeper(keeper): Keeper,
    request: Request,
    if_match: IfMatch,
    Path(id): Path<ProductId>,
) -> Result<Answer> {
    let context = by(keeper.as_ref(), &request);
    let shown = shop
        .write::<Product, _, _>(context, id, move |unit| {
            let before = unit.version::<Product>(id)?;
            unit.decide::<Product>(id, Command::Delete)?;
            expect_version(before, if_match)?;
            unit.decide::<Stock>(StockId::of(id), stock::Command::Retire)?;
            Ok(())
        })
        .await?;
    Ok(Answer::no_content().of(&shown, keeper.as_ref()))
}

impl ProductWish {
    fn create(self) -> Command {
        let Self {
            name,
            description,
            price,
            is_available: offered,
        } = self;
        Command::Create {
            name,
            description,
            price,
            offered,
        }
    }

    fn change(self) -> Command {
        let Self {
            name,
            description,
            price,
            is_available: offered,
        } = self;
        Command::Change {
            name,
            description,
            price,
            offered,
        }
    }
}

/// Whether at least one unit of the product may still be ordered.
fn any_free(unit: &mut Unit<'_, Refusal>, id: ProductId) -> Halted<bool> {
    let stock = unit.get::<Stock>(StockId::of(id))?;
    Ok(match &*stock {
        Stock::Open(levels) => levels.available() > 0,
        Stock::New | Stock::Retired(_) => false,
    })
}

fn body(id: ProductId, shown: &Shown<Product, bool>) -> Result<ProductBody> {
    match &*shown.state {
        Product::Listed {
            name,
            description,
            price,
            offered,
        } => Ok(ProductBody {
            id: shown.number,
            product_id: id,
            name: name.clone(),
            description: description.clone(),
            price: decimal::from_minor(price.money().minor),
            is_available: *offered && shown.beside,
        }),
        Product::New | Product::Deleted => Err(domain::product::Error::NotFound.into()),
    }
}

fn offered_unless_told() -> bool {
    true
}

/// The number as it was written, digit by digit: no float in between.
fn exact_price<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Price, D::Error> {
    let written = Box::<RawValue>::deserialize(deserializer)?;
    Price::from_decimal(written.get()).map_err(serde::de::Error::custom)
}
