//! Where products stand: listed ones in `product`, unseen and deleted ones in `product_aside`.

use std::sync::Arc;

use event_store::Published;
use proto::Message;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::shelf::{Shelf, named_product};
use super::{Catalogue, Listing, Product, Stock};
use crate::Quantities;
use crate::rows::{Rows, column};

#[derive(FromRow)]
struct ListedRow {
    product_id: Uuid,
    #[sqlx(flatten)]
    listing: Listing,
    #[sqlx(flatten)]
    stock: StockColumns,
}

#[derive(FromRow)]
struct AsideRow {
    product_id: Uuid,
    gone: bool,
    version: i64,
    #[sqlx(flatten)]
    stock: StockColumns,
}

#[derive(FromRow)]
struct StockColumns {
    inventory_id: Option<Uuid>,
    #[sqlx(flatten)]
    quantities: Quantities,
    stock_version: i64,
}

impl From<StockColumns> for Option<Stock> {
    fn from(columns: StockColumns) -> Self {
        Some(Stock {
            inventory_id: columns.inventory_id?,
            quantities: columns.quantities,
            version: columns.stock_version,
        })
    }
}

impl From<ListedRow> for Product {
    fn from(row: ListedRow) -> Self {
        Self {
            product_id: row.product_id,
            catalogue: Catalogue::Listed(row.listing),
            stock: row.stock.into(),
        }
    }
}

impl From<AsideRow> for Product {
    fn from(row: AsideRow) -> Self {
        let catalogue = if row.gone {
            Catalogue::Gone {
                version: row.version,
            }
        } else {
            Catalogue::Unseen
        };
        Self {
            product_id: row.product_id,
            catalogue,
            stock: row.stock.into(),
        }
    }
}

pub(super) async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<Shelf, sqlx::Error> {
    let (mut products, mut records) = (Vec::new(), Vec::new());
    for event in events {
        match &event.message {
            Message::Inventory(_) => records.push(event.aggregate_id),
            _ => products.push(event.aggregate_id),
        }
        // An id that can't be read is refused by the fold, which knows the position.
        products.extend(named_product(event).ok().flatten());
    }
    let listed: Vec<ListedRow> = sqlx::query_as(
        "select product_id, id, name, description, (price * 100)::bigint as price_minor, currency, offered,
                version, inventory_id, stock_level, reserved_stock, sold_stock, stock_version
         from product where product_id = any($1) or inventory_id = any($2)",
    )
    .bind(&products)
    .bind(&records)
    .fetch_all(&mut *connection)
    .await?;
    let aside: Vec<AsideRow> = sqlx::query_as(
        "select product_id, gone, version, inventory_id, stock_level, reserved_stock, sold_stock, stock_version
         from product_aside where product_id = any($1) or inventory_id = any($2)",
    )
    .bind(&products)
    .bind(&records)
    .fetch_all(connection)
    .await?;
    let listed = listed.into_iter().map(Product::from);
    let all = listed.chain(aside.into_iter().map(Product::from));
    let products = Rows::loaded(all.map(|product| (product.product_id, product)));
    Ok(Shelf::of(products))
}

pub(super) async fn store(connection: &mut PgConnection, shelf: &Shelf) -> Result<(), sqlx::Error> {
    let (mut listed, mut aside) = (Vec::new(), Vec::new());
    let (mut no_longer_listed, mut no_longer_aside) = (Vec::new(), Vec::new());
    for product in shelf.changed() {
        let was_listed = product.before.map(|before| before.listing().is_some());
        match &product.now.catalogue {
            Catalogue::Listed(listing) => {
                listed.push((product.now, listing));
                if was_listed == Some(false) {
                    no_longer_aside.push(product.key);
                }
            }
            Catalogue::Unseen | Catalogue::Gone { .. } => {
                aside.push(product.now);
                if was_listed == Some(true) {
                    no_longer_listed.push(product.key);
                }
            }
        }
    }
    delete(connection, "product", &no_longer_listed).await?;
    delete(connection, "product_aside", &no_longer_aside).await?;
    upsert_listed(connection, &listed.iter().collect::<Vec<_>>()).await?;
    upsert_aside(connection, &aside).await
}

async fn delete(
    connection: &mut PgConnection,
    table: &'static str,
    products: &[Uuid],
) -> Result<(), sqlx::Error> {
    if products.is_empty() {
        return Ok(());
    }
    sqlx::query(&format!("delete from {table} where product_id = any($1)"))
        .bind(products)
        .execute(connection)
        .await?;
    Ok(())
}

async fn upsert_listed(
    connection: &mut PgConnection,
    rows: &[&(&Product, &Listing)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into product (id, product_id, name, description, price, currency, offered, free, is_available,
                              version, inventory_id, stock_level, reserved_stock, sold_stock, stock_version)
         select a, b, c, d, e::numeric / 100, f, g, h, i, j, k, l, m, n, o
         from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[],
                     $8::bigint[], $9::boolean[], $10::bigint[], $11::uuid[], $12::bigint[], $13::bigint[],
                     $14::bigint[], $15::bigint[]) as row (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
         on conflict (product_id) do update set
             name = excluded.name, description = excluded.description, price = excluded.price,
             currency = excluded.currency, offered = excluded.offered, free = excluded.free,
             is_available = excluded.is_available, version = excluded.version,
             inventory_id = excluded.inventory_id, stock_level = excluded.stock_level,
             reserved_stock = excluded.reserved_stock, sold_stock = excluded.sold_stock,
             stock_version = excluded.stock_version",
    )
    .bind(column(rows, |(_, listing)| listing.id))
    .bind(column(rows, |(product, _)| product.product_id))
    .bind(column(rows, |(_, listing)| listing.name.as_str()))
    .bind(column(rows, |(_, listing)| listing.description.as_str()))
    .bind(column(rows, |(_, listing)| listing.price_minor))
    .bind(column(rows, |(_, listing)| listing.currency.as_str()))
    .bind(column(rows, |(_, listing)| listing.offered))
    .bind(column(rows, |(product, _)| product.free()))
    .bind(column(rows, |(product, _)| product.is_available()))
    .bind(column(rows, |(_, listing)| listing.version))
    .bind(column(rows, |(product, _)| product.record()))
    .bind(column(rows, |(product, _)| product.quantities().stock_level))
    .bind(column(rows, |(product, _)| product.quantities().reserved_stock))
    .bind(column(rows, |(product, _)| product.quantities().sold_stock))
    .bind(column(rows, |(product, _)| product.stock_version()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn upsert_aside(connection: &mut PgConnection, rows: &[&Product]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into product_aside (product_id, gone, version, inventory_id, stock_level, reserved_stock,
                                    sold_stock, stock_version)
         select * from unnest($1::uuid[], $2::boolean[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[],
                              $7::bigint[], $8::bigint[])
         on conflict (product_id) do update set
             gone = excluded.gone, version = excluded.version, inventory_id = excluded.inventory_id,
             stock_level = excluded.stock_level, reserved_stock = excluded.reserved_stock,
             sold_stock = excluded.sold_stock, stock_version = excluded.stock_version",
    )
    .bind(column(rows, |product| product.product_id))
    .bind(column(rows, |product| product.gone().is_some()))
    .bind(column(rows, |product| product.gone().unwrap_or(0)))
    .bind(column(rows, Product::record))
    .bind(column(rows, |product| product.quantities().stock_level))
    .bind(column(rows, |product| product.quantities().reserved_stock))
    .bind(column(rows, |product| product.quantities().sold_stock))
    .bind(column(rows, Product::stock_version))
    .execute(connection)
    .await?;
    Ok(())
}

/// The columns of both tables that come from the stock record.
impl Product {
    fn record(&self) -> Option<Uuid> {
        self.stock.as_ref().map(|stock| stock.inventory_id)
    }

    fn quantities(&self) -> Quantities {
        self.stock
            .as_ref()
            .map(|stock| stock.quantities)
            .unwrap_or_default()
    }

    fn stock_version(&self) -> i64 {
        self.stock.as_ref().map_or(0, |stock| stock.version)
    }

    fn gone(&self) -> Option<i64> {
        match &self.catalogue {
            Catalogue::Gone { version } => Some(*version),
            Catalogue::Listed(_) | Catalogue::Unseen => None,
        }
    }
}
