//! What was ordered: `orders`, one row per order; a deleted one leaves the table and is remembered as gone.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::Published;
use futures::future::BoxFuture;
use proto::order::v1::order_event::Event;
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{self, ApplyError, Projection, Refused, is_next};
use crate::rows::{Rows, aggregates, column};
use crate::{OrderStatus, PaymentStatus, ReadDatabases};

/// The projection `orders`.
pub struct Orders;

/// An order, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the table.
    Standing(Row),
    /// Deleted; nothing revives it.
    Gone {
        /// The order's sequence.
        version: i64,
    },
}

/// A row of `orders`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Row {
    /// Position of the event that placed it.
    pub id: i64,
    /// The order.
    pub order_id: Uuid,
    /// What was ordered.
    pub product_id: Uuid,
    /// Who ordered.
    pub user_id: Uuid,
    /// How many units.
    pub quantity: i32,
    /// Where to.
    pub shipping_address: String,
    /// What else the customer said.
    pub customer_notes: Option<String>,
    /// Whether it is paid.
    pub order_status: OrderStatus,
    /// How the payment stands.
    pub payment_status: PaymentStatus,
    /// Of one unit, in minor units of `currency`; the table holds the decimal number, and the total beside it.
    pub unit_price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// When.
    pub placed_at: DateTime<Utc>,
    /// The order's sequence.
    pub version: i64,
}

impl Row {
    /// The price of all units, in minor units of `currency`.
    #[must_use]
    pub fn total_minor(&self) -> i64 {
        self.unit_price_minor * i64::from(self.quantity)
    }
}

impl Order {
    /// The row, unless it is gone.
    #[must_use]
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Standing(row) => Some(row),
            Self::Gone { .. } => None,
        }
    }

    fn version(&self) -> i64 {
        match self {
            Self::Standing(row) => row.version,
            Self::Gone { version } => *version,
        }
    }
}

/// Folds one event of the order.
pub fn fold(order: &mut Option<Order>, event: &Published) -> Result<(), Refused> {
    let Message::Order(message) = &event.message else {
        return Ok(());
    };
    if !is_next(order.as_ref().map_or(0, Order::version), event)? {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "an order event");
    let version = event.sequence;
    match (
        order.as_mut(),
        message.event.as_ref().ok_or_else(unreadable)?,
    ) {
        (None, Event::Placed(placed)) => {
            *order = Some(Order::Standing(Row {
                id: event.position,
                order_id: event.aggregate_id,
                product_id: projection::id(event, &placed.product_id, "a product's id")?,
                user_id: projection::id(event, &placed.user_id, "a user's id")?,
                quantity: quantity(event, placed.quantity)?,
                shipping_address: placed.shipping_address.clone(),
                customer_notes: placed.customer_notes.clone(),
                order_status: OrderStatus::InProgress,
                payment_status: PaymentStatus::Pending,
                unit_price_minor: placed.unit_price_minor,
                currency: placed.currency.clone(),
                placed_at: DateTime::from_timestamp_micros(placed.placed_at_micros)
                    .ok_or_else(|| Refused::unreadable(event, "the time of an order"))?,
                version,
            }));
        }
        (None, _) => return Err(Refused::impossible(event, "an order that was never placed")),
        (Some(Order::Gone { version: last }), _) => *last = version,
        (Some(Order::Standing(row)), change) => {
            match change {
                Event::Placed(_) => {
                    return Err(Refused::impossible(event, "an order placed twice"));
                }
                Event::Changed(changed) => {
                    row.quantity = quantity(event, changed.quantity)?;
                    row.shipping_address.clone_from(&changed.shipping_address);
                    row.customer_notes.clone_from(&changed.customer_notes);
                }
                Event::Cancelled(_) => {
                    *order = Some(Order::Gone { version });
                    return Ok(());
                }
                Event::PaymentStarted(_) => row.payment_status = PaymentStatus::Pending,
                Event::PaymentFailed(_) => row.payment_status = PaymentStatus::Failed,
                Event::Completed(_) => {
                    row.order_status = OrderStatus::Completed;
                    row.payment_status = PaymentStatus::Paid;
                }
            }
            row.version = version;
        }
    }
    Ok(())
}

fn quantity(event: &Published, quantity: i64) -> Result<i32, Refused> {
    i32::try_from(quantity).map_err(|_| Refused::unreadable(event, "the quantity of an order"))
}

impl Projection for Orders {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["orders", "orders_gone"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.order
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Order]
    }

    fn concerns(&self, message: &Message) -> bool {
        matches!(message, Message::Order(_))
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut orders = load(connection, events).await?;
            orders.fold(events, fold)?;
            Ok(store(connection, &orders).await?)
        })
    }
}

async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<Rows<Order>, sqlx::Error> {
    let keys = aggregates(events);
    let standing: Vec<Row> = sqlx::query_as(
        "select id, order_id, product_id, user_id, quantity, shipping_address, customer_notes, order_status,
                payment_status, (unit_price * 100)::bigint as unit_price_minor, currency, placed_at, version
         from orders where order_id = any($1)",
    )
    .bind(&keys)
    .fetch_all(&mut *connection)
    .await?;
    let gone: Vec<(Uuid, i64)> =
        sqlx::query_as("select order_id, version from orders_gone where order_id = any($1)")
            .bind(&keys)
            .fetch_all(connection)
            .await?;
    let standing = standing
        .into_iter()
        .map(|row| (row.order_id, Order::Standing(row)));
    let gone = gone
        .into_iter()
        .map(|(order_id, version)| (order_id, Order::Gone { version }));
    Ok(Rows::loaded(standing.chain(gone)))
}

async fn store(connection: &mut PgConnection, orders: &Rows<Order>) -> Result<(), sqlx::Error> {
    let mut standing = Vec::new();
    let (mut gone, mut versions) = (Vec::new(), Vec::new());
    for order in orders.changed() {
        match order.now {
            Order::Standing(row) => standing.push(row),
            Order::Gone { version } => {
                gone.push(order.key);
                versions.push(*version);
            }
        }
    }
    if !standing.is_empty() {
        upsert(connection, &standing).await?;
    }
    if !gone.is_empty() {
        sqlx::query("delete from orders where order_id = any($1)")
            .bind(&gone)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "insert into orders_gone (order_id, version) select * from unnest($1::uuid[], $2::bigint[])
             on conflict (order_id) do update set version = excluded.version",
        )
        .bind(&gone)
        .bind(&versions)
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn upsert(connection: &mut PgConnection, rows: &[&Row]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into orders (id, order_id, product_id, user_id, quantity, shipping_address, customer_notes,
                             order_status, payment_status, unit_price, total, currency, placed_at, version)
         select a, b, c, d, e, f, g, h, i, j::numeric / 100, k::numeric / 100, l, m, n
         from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::text[], $13::timestamptz[],
                     $14::bigint[]) as row (a, b, c, d, e, f, g, h, i, j, k, l, m, n)
         on conflict (order_id) do update set
             quantity = excluded.quantity, shipping_address = excluded.shipping_address,
             customer_notes = excluded.customer_notes, order_status = excluded.order_status,
             payment_status = excluded.payment_status, total = excluded.total, version = excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.order_id))
    .bind(column(rows, |row| row.product_id))
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.quantity))
    .bind(column(rows, |row| row.shipping_address.as_str()))
    .bind(column(rows, |row| row.customer_notes.as_deref()))
    .bind(column(rows, |row| row.order_status.as_str()))
    .bind(column(rows, |row| row.payment_status.as_str()))
    .bind(column(rows, |row| row.unit_price_minor))
    .bind(column(rows, Row::total_minor))
    .bind(column(rows, |row| row.currency.as_str()))
    .bind(column(rows, |row| row.placed_at))
    .bind(column(rows, |row| row.version))
    .execute(connection)
    .await?;
    Ok(())
}
