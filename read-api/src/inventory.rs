//! What lies on the shelf: `GET /inventory` and `GET /inventory/{id}`.

use axum::{extract::State, http::Uri, response::Response};
use event_store::Log;
use projectors::inventory;
use proto::Topic;
use serde::Serialize;
use service::{Freshness, Path, Problem, Query, Result};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    at::{self, Aggregate, At, Past},
    etag::IfNoneMatch,
    page::{List, Paging, one_more},
    reader::{Reader, database},
};

const PROJECTION: &str = "inventory";

/// The units of one product.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct StockRecord {
    /// Position of the event that opened it
    #[schema(example = 2)]
    id: i64,
    #[schema(example = "c53bbb5c-0de7-5b8e-9c0c-5f6d6f1f3c11")]
    inventory_id: Uuid,
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    product_id: Uuid,
    /// What lies on the shelf, reserved units included
    #[schema(example = 100)]
    stock_level: i64,
    /// What orders hold that are not paid yet
    #[schema(example = 2)]
    reserved_stock: i64,
    /// `stock_level - reserved_stock`
    #[schema(example = 98)]
    available_stock: i64,
    /// What was paid
    #[schema(example = 0)]
    sold_stock: i64,
    /// The product was deleted: nothing more can be reserved, and the list leaves it out. Missing otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    retired: bool,
    #[serde(skip)]
    version: i64,
}

/// All stock records
///
/// By rising id, without those of deleted products. The next page, when there is one, is in the `Link` header.
#[utoipa::path(
    get,
    path = "/inventory",
    operation_id = "list_inventory",
    tag = "inventory",
    params(Paging, Freshness),
    responses(
        (status = 200, description = "A page of stock records", body = [StockRecord],
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
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let after = List::Inventory.last_shown(&reader, paging.cursor.as_deref())?;
    reader.shows(PROJECTION, freshness).await?;
    let records: Vec<StockRecord> = sqlx::query_as(
        "select id, inventory_id, product_id, stock_level, reserved_stock, available_stock, sold_stock, retired,
                version
         from inventory where id > $1 and not retired order by id limit $2",
    )
    .bind(after.unwrap_or(0))
    .bind(one_more(paging.limit))
    .fetch_all(&reader.databases.inventory)
    .await
    .map_err(database)?;
    Ok(List::Inventory.page(&reader, &uri, paging.limit, records, |record| record.id))
}

/// One stock record
///
/// That of a deleted product too, with `retired`.
#[utoipa::path(
    get,
    path = "/inventory/{id}",
    operation_id = "stock_record",
    tag = "inventory",
    params(("id" = Uuid, Path, description = "The stock record"), At, Freshness, IfNoneMatch),
    responses(
        (status = 200, description = "The stock record", body = StockRecord,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The caller has it already"),
        (status = 400, description = "A consistency token that is none"),
        (status = 404, description = "`stock-not-found`"),
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
    let record = match at {
        None => now(&reader, freshness, id).await?,
        Some(moment) => at::then::<StockRecord>(&reader, freshness, id, moment).await?,
    };
    let record =
        record.ok_or_else(|| Problem::not_found("stock-not-found", "Stock record not found"))?;
    Ok(known.answer(&record.version.to_string(), &record))
}

/// As the read model has it.
async fn now(reader: &Reader, freshness: Freshness, id: Uuid) -> Result<Option<StockRecord>> {
    reader.shows(PROJECTION, freshness).await?;
    sqlx::query_as(
        "select id, inventory_id, product_id, stock_level, reserved_stock, available_stock, sold_stock, retired,
                version
         from inventory where inventory_id = $1",
    )
    .bind(id)
    .fetch_optional(&reader.databases.inventory)
    .await
    .map_err(database)
}

impl Past for StockRecord {
    const AGGREGATE: Aggregate = Aggregate::Stock;

    async fn then(log: &Log, id: Uuid, position: i64) -> anyhow::Result<Option<Self>> {
        let record = at::fold(log, Topic::Inventory, id, position, None, inventory::fold).await?;
        Ok(record.map(Self::from))
    }
}

impl From<inventory::Row> for StockRecord {
    fn from(row: inventory::Row) -> Self {
        Self {
            id: row.id,
            inventory_id: row.inventory_id,
            product_id: row.product_id,
            stock_level: row.quantities.stock_level,
            reserved_stock: row.quantities.reserved_stock,
            available_stock: row.quantities.free(),
            sold_stock: row.quantities.sold_stock,
            retired: row.retired,
            version: row.version,
        }
    }
}
