//! Sums that must come out even: units that orders hold and stock records have reserved, money that was asked and paid.
//!
//! They are made over the fresh tables, all folded to the same position: what does not come out even was recorded so.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};
use event_store::Log;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::difference::{Difference, Found};
use super::model::Model;
use super::position;

/// What a stock record says, or a product of its stock record.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
struct Stock {
    product_id: Uuid,
    inventory_id: Uuid,
    level: i64,
    reserved: i64,
    sold: i64,
    free: i64,
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} units, {} reserved, {} free and {} sold (record {})",
            self.level, self.reserved, self.free, self.sold, self.inventory_id
        )
    }
}

/// What orders of a product say.
#[derive(Clone, Copy, Default, FromRow)]
struct Ordered {
    held: i64,
    paid: i64,
}

/// A paid order, or a payment.
#[derive(FromRow)]
struct Paid {
    order_id: Uuid,
    id: Uuid,
    minor: i64,
    currency: String,
}

/// What does not come out even in these models, one for each projection in their order, all of which are at `head`.
pub(super) async fn check(log: &Log, models: &mut [Model], head: i64) -> Result<Vec<Difference>> {
    let [product, inventory, orders, _, payment, _] = models else {
        anyhow::bail!("the sums are made over six projections");
    };
    let mut sums = Sums {
        log,
        head,
        found: Found::of("sums"),
    };
    sums.stock(product, inventory, orders).await?;
    sums.money(orders, payment).await?;
    Ok(sums.found.into_differences())
}

struct Sums<'a> {
    log: &'a Log,
    head: i64,
    found: Found,
}

impl Sums<'_> {
    async fn tell(&mut self, about: String, text: String, aggregates: &[Uuid]) -> Result<()> {
        let position = position::last(self.log, aggregates, self.head).await?;
        self.found.push(Difference::Sum {
            about,
            text,
            position,
        });
        Ok(())
    }

    async fn stock(
        &mut self,
        product: &mut Model,
        inventory: &mut Model,
        orders: &mut Model,
    ) -> Result<()> {
        let listed = format!(
            "select product_id, inventory_id, stock_level as level, reserved_stock as reserved, sold_stock as sold, free
             from {}
             where inventory_id is not null
             union all
             select product_id, inventory_id, stock_level, reserved_stock, sold_stock, stock_level - reserved_stock
             from {} where inventory_id is not null",
            product.table("product"),
            product.table("product_aside"),
        );
        let records = format!(
            "select product_id, inventory_id, stock_level as level, reserved_stock as reserved, sold_stock as sold,
                    available_stock as free
             from {}",
            inventory.table("inventory"),
        );
        let mut catalogue = stocks(&mut product.connection, &listed).await?;
        let records = stocks(&mut inventory.connection, &records).await?;
        let mut ordered = ordered(orders).await?;
        for (product_id, record) in records {
            let about = || format!("product {product_id}");
            let ids = [product_id, record.inventory_id];
            let orders = ordered.remove(&product_id).unwrap_or_default();
            let uneven = [
                ("reserved", record.reserved, "hold", orders.held),
                ("sold", record.sold, "have paid for", orders.paid),
            ];
            for (what, units, verb, by_orders) in uneven {
                if units != by_orders {
                    let text = format!(
                        "its stock record has {units} units {what}, its orders {verb} {by_orders}"
                    );
                    self.tell(about(), text, &ids).await?;
                }
            }
            let Stock {
                level,
                reserved,
                sold,
                ..
            } = record;
            if level < 0 || reserved < 0 || sold < 0 || reserved > level {
                let text = format!(
                    "its stock record is impossible: {level} on the shelf, {reserved} of them reserved, {sold} sold"
                );
                self.tell(about(), text, &ids).await?;
            }
            let shown = catalogue.remove(&product_id);
            if shown.as_ref() != Some(&record) {
                let shown = shown.map_or_else(|| "nothing".to_owned(), |shown| shown.to_string());
                let text = format!("the catalogue has {shown}, its stock record {record}");
                self.tell(about(), text, &ids).await?;
            }
        }
        for (product_id, shown) in catalogue {
            let text = format!("the catalogue has {shown}, but there is no such stock record");
            self.tell(format!("product {product_id}"), text, &[product_id])
                .await?;
        }
        for (product_id, Ordered { held, paid }) in ordered {
            let text = format!(
                "it has no stock record, but its orders hold {held} units and have paid for {paid}"
            );
            self.tell(format!("product {product_id}"), text, &[product_id])
                .await?;
        }
        Ok(())
    }

    /// Each paid order has one payment of the same amount, and each payment its order.
    async fn money(&mut self, orders: &mut Model, payment: &mut Model) -> Result<()> {
        let paid_orders = format!(
            "select order_id, order_id as id, (total * 100)::bigint as minor, currency from {}
             where order_status = 'COMPLETED' order by order_id",
            orders.table("orders"),
        );
        let payments = format!(
            "select order_id, payment_id as id, (amount * 100)::bigint as minor, currency from {}
             where payment_status = 'PAID' order by order_id, payment_id",
            payment.table("payment"),
        );
        let mut orders = paid(&mut orders.connection, &paid_orders);
        let mut payments = paid(&mut payment.connection, &payments);
        let mut totals = BTreeMap::<String, (i128, i128)>::new();
        let (mut order, mut payment) = (orders.try_next().await?, payments.try_next().await?);
        let mut last_paid = None;
        while order.is_some() || payment.is_some() {
            let side = match (&order, &payment) {
                (Some(order), Some(payment)) => order.order_id.cmp(&payment.order_id),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            let asked = order.take_if(|_| side.is_le());
            let given = payment.take_if(|_| side.is_ge());
            if let Some(asked) = &asked {
                totals.entry(asked.currency.clone()).or_default().0 += i128::from(asked.minor);
                order = orders.try_next().await?;
            }
            if let Some(given) = &given {
                totals.entry(given.currency.clone()).or_default().1 += i128::from(given.minor);
                payment = payments.try_next().await?;
            }
            self.pair(asked.as_ref(), given.as_ref(), last_paid).await?;
            if let Some(asked) = asked {
                last_paid = Some(asked.order_id);
            }
        }
        for (currency, (asked, given)) in totals {
            if asked != given {
                let text = format!(
                    "orders that are paid come to {}, payments to {}",
                    decimal(asked),
                    decimal(given)
                );
                self.tell(format!("all money in {currency}"), text, &[])
                    .await?;
            }
        }
        Ok(())
    }

    /// A paid order and its payment, or what there is of them; `last` is the paid order before.
    async fn pair(
        &mut self,
        asked: Option<&Paid>,
        given: Option<&Paid>,
        last: Option<Uuid>,
    ) -> Result<()> {
        let money = |paid: &Paid| format!("{} {}", decimal(paid.minor.into()), paid.currency);
        match (asked, given) {
            (Some(asked), Some(given)) => {
                if (asked.minor, &asked.currency) != (given.minor, &given.currency) {
                    let text = format!(
                        "it comes to {}, payment {} is of {}",
                        money(asked),
                        given.id,
                        money(given)
                    );
                    let ids = [asked.order_id, given.id];
                    self.tell(format!("order {}", asked.order_id), text, &ids)
                        .await?;
                }
            }
            (Some(asked), None) => {
                let text = format!("it is paid, {}, but there is no payment", money(asked));
                self.tell(format!("order {}", asked.order_id), text, &[asked.order_id])
                    .await?;
            }
            (None, Some(given)) => {
                let order = if last == Some(given.order_id) {
                    "was paid already by another payment"
                } else {
                    "is not a paid order"
                };
                let text = format!("it is of {}, but {} {order}", money(given), given.order_id);
                self.tell(format!("payment {}", given.id), text, &[given.id])
                    .await?;
            }
            (None, None) => {}
        }
        Ok(())
    }
}

/// An amount of minor units.
fn decimal(minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

async fn stocks(connection: &mut PgConnection, query: &str) -> Result<BTreeMap<Uuid, Stock>> {
    let rows = sqlx::query_as(query).fetch(connection);
    let keyed = rows.map_ok(|stock: Stock| (stock.product_id, stock));
    let all = keyed.try_collect().await;
    all.context("cannot read what there is in stock")
}

/// What is ordered of each product.
async fn ordered(orders: &mut Model) -> Result<BTreeMap<Uuid, Ordered>> {
    let query = format!(
        "select product_id, coalesce(sum(quantity) filter (where order_status <> 'COMPLETED'), 0)::bigint,
                coalesce(sum(quantity) filter (where order_status = 'COMPLETED'), 0)::bigint
         from {} group by product_id",
        orders.table("orders"),
    );
    let rows = sqlx::query_as(&query).fetch(&mut orders.connection);
    let keyed = rows.map_ok(|(product_id, held, paid)| (product_id, Ordered { held, paid }));
    let all = keyed.try_collect().await;
    all.context("cannot read what is ordered")
}

fn paid<'a>(
    connection: &'a mut PgConnection,
    query: &'a str,
) -> BoxStream<'a, Result<Paid, sqlx::Error>> {
    sqlx::query_as(query).fetch(connection)
}
