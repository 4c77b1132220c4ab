//! Rows that somebody else than the fold has written, or taken away.

use std::collections::BTreeSet;

use projectors::projections;
use projectors::verify::Difference;
use serde_json::json;
use uuid::Uuid;

use crate::databases::{clear, contents, number};
use crate::recorded::{created, opened};
use crate::shop::Shop;

/// A product, and two orders of it by people that nobody has heard of yet.
async fn strangers(shop: &Shop) {
    let id = |number: u128| Uuid::from_u128(0xffff_0000 + number);
    let placed = |number: u128| {
        let placed = json!({"placed": {
            "product_id": id(1), "user_id": id(number), "quantity": 1, "shipping_address": "2 High Street",
            "customer_notes": "ring twice", "unit_price": {"minor": 1_999, "currency": "USD"},
            "at": "2026-01-02T03:04:05Z",
        }});
        ("order", id(10 + number), 1, placed)
    };
    let reserved = |number: u128, sequence| {
        let reserved = json!({"reserved": {"order_id": id(10 + number), "quantity": 1}});
        ("stock", id(2), sequence, reserved)
    };
    let entries = [
        created(id(1)),
        opened(id(2), id(1), 10),
        placed(3),
        reserved(3, 2),
        placed(4),
        reserved(4, 3),
    ];
    shop.recorded.append(&entries).await;
}

/// Projection, table, its key, a column with another value, and a row too many.
const TABLES: [(&str, &str, &str, &str, &str); 10] = [
    (
        "product",
        "product",
        "product_id",
        "free = free + 1",
        "(-1, gen_random_uuid(), 'Ghost', '', 1, 'USD', true, 0, false, 1, null, 0, 0, 0, 0)",
    ),
    (
        "product",
        "product_aside",
        "product_id",
        "gone = not gone",
        "(gen_random_uuid(), true, 2, null, 0, 0, 0, 0)",
    ),
    (
        "inventory",
        "inventory",
        "inventory_id",
        "sold_stock = sold_stock + 1",
        "(-1, gen_random_uuid(), gen_random_uuid(), 1, 0, default, 0, false, 1)",
    ),
    (
        "orders",
        "orders",
        "order_id",
        "shipping_address = 'elsewhere'",
        "(-1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, '', null, 'COMPLETED', 'PAID', 1, 1, 'USD',
          now(), 1)",
    ),
    (
        "orders",
        "orders_gone",
        "order_id",
        "version = version + 1",
        "(gen_random_uuid(), 1)",
    ),
    (
        "user",
        "user",
        "user_id",
        "role = 'admiral'",
        "(-1, gen_random_uuid(), 'ghost', 'ghost@example.com', 'admin', now(), 1)",
    ),
    (
        "payment",
        "payment",
        "payment_id",
        "amount = amount + 0.01",
        "(-1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'PAID', 1, 'USD', 'visa', '4242', null, 1, now(),
          now(), 1)",
    ),
    (
        "notification",
        "mail",
        "notification_id",
        "body = ''",
        "(-1, gen_random_uuid(), 'WELCOME', gen_random_uuid(), '', '', '', '', now())",
    ),
    (
        "notification",
        "recipient",
        "user_id",
        "email = 'ghost@example.com'",
        "(gen_random_uuid(), 'ghost', 'ghost@example.com', 1)",
    ),
    (
        "notification",
        "mail_waiting",
        "notification_id",
        "text = ''",
        "(-1, gen_random_uuid(), 'WELCOME', gen_random_uuid(), '', '', now())",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_a_lost_and_an_added_row_of_each_table_are_found_and_a_rebuild_repairs_them() {
    let shop = Shop::with(600).await;
    strangers(&shop).await;
    shop.is_shown().await;
    assert_eq!(shop.told(None).await, [""; 0]);
    let before = contents(shop.databases()).await;

    let mut expected = BTreeSet::new();
    for (projection, table, key, change, row) in TABLES {
        let nth = |n| {
            format!("{key} = (select {key} from \"{table}\" order by {key} offset {n} limit 1)")
        };
        let change = format!("update \"{table}\" set {change} where {}", nth(0));
        shop.corrupt(projection, &change).await;
        let delete = format!("delete from \"{table}\" where {}", nth(1));
        shop.corrupt(projection, &delete).await;
        let add = format!("insert into \"{table}\" values {row}");
        shop.corrupt(projection, &add).await;
        for (is_live, is_logged) in [(true, true), (false, true), (true, false)] {
            expected.insert((projection, table, is_live, is_logged));
        }
    }
    let report = shop.verify(None).await;
    let mut found = BTreeSet::new();
    for difference in &report.differences {
        match difference {
            Difference::Row(row) => {
                let new = found.insert((row.projection, row.table, row.is_live, row.is_logged));
                assert!(new, "a second one: {difference}");
                assert_eq!(row.position.is_some(), row.is_logged, "{difference}");
            }
            // The added one was never put in the queue.
            Difference::Undelivered { position: -1, .. } => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(found, expected);
    let broken = report.projections();
    assert_eq!(broken.len(), projections().len());

    shop.rebuild(&broken).await;
    assert_eq!(shop.told(None).await, [""; 0]);
    assert_eq!(contents(shop.databases()).await, before);
    shop.is_tidy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_row_is_told_with_its_column_both_values_and_its_last_event() {
    let shop = Shop::with(300).await;
    shop.is_shown().await;
    let (order, address): (Uuid, String) =
        sqlx::query_as("select order_id, shipping_address from orders order by id limit 1")
            .fetch_one(&shop.databases().order)
            .await
            .expect("an order");
    let change =
        format!("update orders set shipping_address = 'nowhere' where order_id = '{order}'");
    shop.corrupt("orders", &change).await;
    let last = shop.last_event(order).await;
    assert_eq!(
        shop.told(None).await,
        [format!(
            "orders: table orders, row {order}: shipping_address is \"nowhere\", by the log \"{address}\" (last event at \
             position {last})"
        )]
    );
    let names: Vec<_> = shop.verify(None).await.projections();
    let names: Vec<_> = names.iter().map(|projection| projection.name()).collect();
    assert_eq!(names, ["orders"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_very_many_differences_the_first_are_told_and_all_are_counted() {
    let shop = Shop::with(1_500).await;
    shop.is_shown().await;
    let lost = number(&shop.databases().notification, "select count(*) from mail").await
        + number(
            &shop.databases().notification,
            "select count(*) from recipient",
        )
        .await;
    assert!(lost > 100, "{lost}");
    clear(shop.databases()).await;
    let report = shop.verify(None).await;
    let (mut told, mut more) = (0, 0);
    for difference in &report.differences {
        match difference {
            Difference::Row(row) if row.projection == "notification" => told += 1,
            Difference::More {
                of: "notification",
                count,
            } => more += i64::try_from(*count).expect("few"),
            _ => {}
        }
    }
    assert_eq!((told, told + more), (100, lost));
    assert_eq!(report.projections().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_in_no_queue_is_found_and_queued_by_a_rebuild() {
    let shop = Shop::with(200).await;
    shop.is_shown().await;
    shop.corrupt(
        "notification",
        "delete from delivery where notification_id = (select notification_id from mail order by id limit 1)",
    )
    .await;
    let report = shop.verify(None).await;
    assert!(
        matches!(&report.differences[..], [Difference::Undelivered { .. }]),
        "{report:?}"
    );
    shop.rebuild(&report.projections()).await;
    assert_eq!(shop.told(None).await, [""; 0]);
}
