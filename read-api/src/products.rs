//! What is sold: `GET /products` and `GET /product/{id}`.

use axum::{extract::State, http::Uri, response::Response};
use event_store::Log;
use projectors::product;
use proto::Topic;
use serde::{Deserialize, Serialize};
use service::{Freshness, PageLimit, Path, Problem, Query, Result};
use sqlx::{FromRow, PgPool};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    at::{self, Aggregate, At, Past},
    etag::IfNoneMatch,
    page::{List, one_more},
    price::Price,
    reader::{Reader, database},
};

const PROJECTION: &str = "product";

/// Collations that fold the case of every script, the best first.
const FOLDINGS: [(&str, &str); 3] = [
    ("und-x-icu", r#"collate "und-x-icu""#),
    ("pg_c_utf8", r#"collate "pg_c_utf8""#),
    ("C.utf8", r#"collate "C.utf8""#),
];

/// A product as a customer sees it.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are called as callers know them"
)]
pub struct Product {
    /// Position of the event that created it
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    product_id: Uuid,
    #[schema(example = "Laptop")]
    name: String,
    #[schema(example = "A light one")]
    description: String,
    /// Exact, with at most 2 decimal places
    #[schema(value_type = f64, example = 999.99)]
    #[sqlx(try_from = "String")]
    price: Price,
    /// Offered, and at least one unit is free
    #[schema(example = true)]
    is_available: bool,
    #[serde(skip)]
    version: i64,
}

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Part of the name or the description, in any case
    #[param(example = "lap")]
    q: Option<String>,
    /// Only those that can be had, or only those that can't
    available: Option<bool>,
    /// How many at most
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
    /// Where the page begins, from the `Link` header of the one before
    cursor: Option<String>,
}

/// All products
///
/// By rising id. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "list_products",
    tag = "product",
    params(Filter, Freshness),
    responses(
        (status = 200, description = "A page of products", body = [Product],
         headers(("Link" = String, description = "`<…>; rel=\"next\"` when there are more"))),
        (status = 400, description = "A cursor or a consistency token that is none"),
        (status = 422, description = "A parameter that can't be, or an unknown one"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
)]
pub(crate) async fn list(
    State(reader): State<Reader>,
    uri: Uri,
    freshness: Freshness,
    Query(filter): Query<Filter>,
) -> Result<Response> {
    let after = List::Products.last_shown(&reader, filter.cursor.as_deref())?;
    reader.shows(PROJECTION, freshness).await?;
    let pool = &reader.databases.product;
    let products = select(pool, &filter, after.unwrap_or(0))
        .await
        .map_err(database)?;
    Ok(List::Products.page(&reader, &uri, filter.limit, products, |product| product.id))
}

/// Only the filters that were given, so that each combination gets a plan of its own.
async fn select(pool: &PgPool, filter: &Filter, after: i64) -> sqlx::Result<Vec<Product>> {
    let available = match filter.available {
        Some(true) => "and is_available",
        Some(false) => "and not is_available",
        None => "",
    };
    let searched = match filter.q {
        Some(_) => {
            let folding = folding(pool).await?;
            format!("and ((name ilike $3 {folding}) or (description ilike $3 {folding}))")
        }
        None => String::new(),
    };
    sqlx::query_as(&format!(
        "select id, product_id, name, description, price::text as price, is_available, version
         from product where id > $1 {available} {searched} order by id limit $2"
    ))
    .bind(after)
    .bind(one_more(filter.limit))
    .bind(filter.q.as_deref().map(pattern))
    .fetch_all(pool)
    .await
}

/// The collation that knows the case of every script. The database's own is `C`, which knows that of a to z, and
/// which others there are depends on how the server was built.
async fn folding(pool: &PgPool) -> sqlx::Result<&'static str> {
    let known: Vec<String> = sqlx::query_scalar(
        "select collname::text from pg_collation
         where collname in ('und-x-icu', 'pg_c_utf8', 'C.utf8')
           and collencoding in (-1, pg_char_to_encoding('UTF8'))",
    )
    .fetch_all(pool)
    .await?;
    let best = FOLDINGS
        .into_iter()
        .find(|(name, _)| known.iter().any(|known| known == name));
    Ok(best.map_or("", |(_, clause)| clause))
}

/// The text anywhere, with the wildcards of `like` as plain characters.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// One product
#[utoipa::path(
    get,
    path = "/product/{id}",
    operation_id = "product",
    tag = "product",
    params(("id" = Uuid, Path, description = "The product"), At, Freshness, IfNoneMatch),
    responses(
        (status = 200, description = "The product", body = Product,
         headers(("ETag" = String, description = "Its version, then `-in` while it can be had, else `-out`; `If-Match` takes it as it is"))),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "A consistency token that is none"),
        (status = 404, description = "`product-not-found`"),
        (status = 422, description = "The id is no UUID, `at` no moment, or the parameter unknown"),
        (status = 503, description = "Not shown yet, see `Retry-After`"),
    ),
)]
pub(crate) async fn one(
    State(reader): State<Reader>,
    Path(id): Path<Uuid>,
    freshness: Freshness,
    known: IfNoneMatch,
    Query(At { at }): Query<At>,
) -> Result<Response> {
    let product = match at {
        None => now(&reader, freshness, id).await?,
        Some(moment) => at::then::<Product>(&reader, freshness, id, moment).await?,
    };
    let product =
        product.ok_or_else(|| Problem::not_found("product-not-found", "Product not found"))?;
    Ok(known.answer(&product.tag(), &product))
}

/// As the read model has it.
async fn now(reader: &Reader, freshness: Freshness, id: Uuid) -> Result<Option<Product>> {
    reader.shows(PROJECTION, freshness).await?;
    sqlx::query_as(
        "select id, product_id, name, description, price::text as price, is_available, version
         from product where product_id = $1",
    )
    .bind(id)
    .fetch_optional(&reader.databases.product)
    .await
    .map_err(database)
}

impl Product {
    /// Never the bare version, as a write's is: stock moves without a new version, so a copy from a write may be old.
    fn tag(&self) -> String {
        let state = if self.is_available { "in" } else { "out" };
        format!("{}-{state}", self.version)
    }
}

impl Past for Product {
    const AGGREGATE: Aggregate = Aggregate::Product;

    async fn then(log: &Log, id: Uuid, position: i64) -> anyhow::Result<Option<Self>> {
        let product = at::fold(log, Topic::Product, id, position, None, product::fold).await?;
        if product
            .as_ref()
            .and_then(product::Product::listing)
            .is_none()
        {
            return Ok(None);
        }
        let stock = event_store::stock_of(id);
        let product = at::fold(
            log,
            Topic::Inventory,
            stock,
            position,
            product,
            product::fold,
        );
        Ok(product.await?.as_ref().and_then(Self::of))
    }
}

impl Product {
    fn of(product: &product::Product) -> Option<Self> {
        let listing = product.listing()?;
        Some(Self {
            id: listing.id,
            product_id: product.product_id,
            name: listing.name.clone(),
            description: listing.description.clone(),
            price: Price::of_minor(listing.price_minor),
            is_available: product.is_available(),
            version: listing.version,
        })
    }
}
