//! What lies on the shelf: `inventory`, one row per stock record.

use std::sync::Arc;

use event_store::Published;
use futures::future::BoxFuture;
use proto::inventory::v1::inventory_event::Event;
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{self, ApplyError, Projection, Refused, is_next};
use crate::rows::{Rows, aggregates, column};
use crate::{Quantities, ReadDatabases};

/// The projection `inventory`.
pub struct Inventory;

/// A row of `inventory`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Row {
    /// Position of the event that opened the record.
    pub id: i64,
    /// The record.
    pub inventory_id: Uuid,
    /// Whose units these are.
    pub product_id: Uuid,
    /// How many.
    #[sqlx(flatten)]
    pub quantities: Quantities,
    /// Its product was deleted.
    pub retired: bool,
    /// The record's sequence.
    pub version: i64,
}

/// Folds one event of the record into its row.
pub fn fold(row: &mut Option<Row>, event: &Published) -> Result<(), Refused> {
    let Message::Inventory(message) = &event.message else {
        return Ok(());
    };
    if !is_next(row.as_ref().map_or(0, |row| row.version), event)? {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "an inventory event");
    match (row.as_mut(), message.event.as_ref().ok_or_else(unreadable)?) {
        (None, Event::Opened(opened)) => {
            *row = Some(Row {
                id: event.position,
                inventory_id: event.aggregate_id,
                product_id: projection::id(event, &opened.product_id, "a product's id")?,
                quantities: Quantities::opened(opened.stock_level),
                retired: false,
                version: event.sequence,
            });
        }
        (None, _) => return Err(Refused::impossible(event, "stock that was never opened")),
        (Some(row), change) => {
            row.quantities.change(change, event)?;
            row.retired |= matches!(change, Event::Retired(_));
            row.version = event.sequence;
        }
    }
    Ok(())
}

impl Projection for Inventory {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["inventory"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.inventory
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Inventory]
    }

    fn concerns(&self, message: &Message) -> bool {
        matches!(message, Message::Inventory(_))
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut rows = load(connection, events).await?;
            rows.fold(events, fold)?;
            let changed: Vec<&Row> = rows.changed().map(|row| row.now).collect();
            Ok(upsert(connection, &changed).await?)
        })
    }
}

async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<Rows<Row>, sqlx::Error> {
    let keys = aggregates(events);
    let rows: Vec<Row> = sqlx::query_as(
        "select id, inventory_id, product_id, stock_level, reserved_stock, sold_stock, retired, version
         from inventory where inventory_id = any($1)",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    Ok(Rows::loaded(
        rows.into_iter().map(|row| (row.inventory_id, row)),
    ))
}

async fn upsert(connection: &mut PgConnection, rows: &[&Row]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into inventory
             (id, inventory_id, product_id, stock_level, reserved_stock, sold_stock, retired, version)
         select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[],
                              $6::bigint[], $7::boolean[], $8::bigint[])
         on conflict (inventory_id) do update set
             stock_level = excluded.stock_level, reserved_stock = excluded.reserved_stock,
             sold_stock = excluded.sold_stock, retired = excluded.retired, version = excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.inventory_id))
    .bind(column(rows, |row| row.product_id))
    .bind(column(rows, |row| row.quantities.stock_level))
    .bind(column(rows, |row| row.quantities.reserved_stock))
    .bind(column(rows, |row| row.quantities.sold_stock))
    .bind(column(rows, |row| row.retired))
    .bind(column(rows, |row| row.version))
    .execute(connection)
    .await?;
    Ok(())
}
