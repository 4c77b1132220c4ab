//! Customers who order, pay and look, and insist on answers; and somebody who counts rows meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use service::Service;
use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;

use crate::customer::{ALWAYS, Customer, id};
use crate::program::Place;
use crate::tables::PROJECTIONS;

/// What everybody looks at.
const LISTS: [(Service, &str); 5] = [
    (Service::Product, "/products?limit=200"),
    (Service::Inventory, "/inventory?limit=200"),
    (Service::Order, "/orders?limit=200"),
    (Service::Payment, "/payments?limit=200"),
    (Service::Notification, "/notifications?limit=200"),
];

/// Between two rounds of one customer.
const PAUSE: Duration = Duration::from_millis(100);

/// Orders, pays every other time, and looks at every list until it is enough; how many orders.
pub async fn shop(
    number: usize,
    customer: &Customer<'_>,
    product: &str,
    enough: &AtomicBool,
) -> usize {
    let mut lengths = [0; LISTS.len()];
    let mut orders = 0;
    while !enough.load(Ordering::Relaxed) {
        let order = id(&customer.order(product, 1).await.is(201).json(), "order_id");
        orders += 1;
        let path = format!("/order/{order}");
        customer.get(Service::Order, &path).await.is(200);
        if (number + orders).is_multiple_of(2) {
            customer.pay(&order, ALWAYS).await.is(200);
            let told = customer.get(Service::Order, &path).await.is(200).json();
            assert_eq!(told["payment_status"], "PAID", "{told}");
        }
        for ((service, path), before) in LISTS.into_iter().zip(&mut lengths) {
            let answer = customer.get(service, path).await.is(200);
            let length = answer.json().as_array().expect("a list").len();
            assert!(
                length >= *before,
                "{path} had {before} entries, now {length}"
            );
            *before = length;
        }
        sleep(PAUSE).await;
    }
    orders
}

/// Counts a table's rows on one connection, again and again; how often.
pub async fn count(place: &Place, database: &str, table: &str, enough: &AtomicBool) -> usize {
    let joined = embedded_postgres::join(&place.data_dir(), "wasam", "wasam_password");
    let options = joined.expect("it runs").options(database);
    let mut psql = PgConnection::connect_with(&options)
        .await
        .expect("it connects");
    let question = format!("select count(*) from {table}");
    let (mut before, mut counted) = (0, 0);
    while !enough.load(Ordering::Relaxed) {
        let rows: i64 = sqlx::query_scalar(&question)
            .fetch_one(&mut psql)
            .await
            .unwrap_or_else(|error| panic!("{database}: {question}: {error}"));
        assert!(rows >= before, "{table} had {before} rows, now {rows}");
        (before, counted) = (rows, counted + 1);
        sleep(Duration::from_millis(3)).await;
    }
    counted
}

/// Counts the rows of every table that everybody knows.
pub async fn count_all(place: &Place, enough: &AtomicBool) -> Vec<usize> {
    let all = PROJECTIONS.map(|(_, database, table)| count(place, database, table, enough));
    futures::future::join_all(all).await
}
