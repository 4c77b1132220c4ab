//! The table of port 8001, row by row, status by status.

use reqwest::Method;
use serde_json::{Value, json};
use service::Service::{Inventory, Order};
use uuid::Uuid;

use crate::customer::{ALWAYS, id, order, send};
use crate::house::House;

#[track_caller]
fn levels(record: &Value) -> [i64; 4] {
    [
        "stock_level",
        "reserved_stock",
        "available_stock",
        "sold_stock",
    ]
    .map(|field| {
        record[field]
            .as_i64()
            .unwrap_or_else(|| panic!("no {field} in {record}"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_record_is_opened_set_and_adjusted() {
    let house = House::open().await;
    let shop = house.stranger();
    let product = shop.product(1.5).await;
    let open = format!("/inventory/{product}");
    shop.post(
        Inventory,
        &format!("/inventory/{}", Uuid::now_v7()),
        &json!({"stock_level": 1}),
    )
    .await
    .problem(404, "product-not-found");
    let opened = shop
        .post(Inventory, &open, &json!({"stock_level": 100}))
        .await
        .is(201);
    let record = opened.json();
    let path = format!("/inventory/{}", id(&record, "inventory_id"));
    assert_eq!(opened.header("location"), path);
    assert_eq!(opened.header("etag"), "\"1\"");
    assert_eq!(record["product_id"], product);
    assert_eq!(record["id"], 2);
    assert_eq!(levels(&record), [100, 0, 100, 0]);
    assert_eq!(shop.get(Inventory, &path).await.is(200).json(), record);
    shop.post(Inventory, &open, &json!({"stock_level": 100}))
        .await
        .problem(409, "stock-exists");

    let set = shop
        .put(Inventory, &path, &json!({"stock_level": 40}))
        .await
        .is(200);
    assert_eq!(levels(&set.json()), [40, 0, 40, 0]);
    let adjust = format!("{path}/adjustment");
    let added = shop
        .post(
            Inventory,
            &adjust,
            &json!({"by": 5, "reason": "found behind the shelf"}),
        )
        .await
        .is(200);
    assert_eq!(levels(&added.json()), [45, 0, 45, 0]);
    shop.post(Inventory, &adjust, &json!({"by": -46}))
        .await
        .is(409);
    shop.post(Inventory, &adjust, &json!({"by": -45}))
        .await
        .is(200);
    shop.put(Inventory, &path, &json!({"stock_level": 1_000_000_000}))
        .await
        .is(200);
    shop.post(Inventory, &adjust, &json!({"by": 1}))
        .await
        .is(409);

    let stale = send(
        shop.request(Method::PUT, Inventory, &path)
            .header("if-match", "\"1\"")
            .json(&json!({"stock_level": 1})),
    )
    .await;
    stale.problem(412, "stale");
    let nowhere = format!("/inventory/{}", Uuid::now_v7());
    shop.get(Inventory, &nowhere)
        .await
        .problem(404, "stock-not-found");
    shop.put(Inventory, &nowhere, &json!({"stock_level": 1}))
        .await
        .problem(404, "stock-not-found");
    shop.post(
        Inventory,
        &format!("{nowhere}/adjustment"),
        &json!({"by": 1}),
    )
    .await
    .problem(404, "stock-not-found");
    for bad in [
        json!({"stock_level": -1}),
        json!({"stock_level": 1_000_000_001}),
        json!({"stock_level": 1.5}),
        json!({"stock_level": "1"}),
        json!({}),
    ] {
        shop.put(Inventory, &path, &bad)
            .await
            .points_at("/stock_level");
    }
    shop.post(Inventory, &adjust, &json!({"by": 0}))
        .await
        .points_at("/by");
    shop.get(Inventory, "/inventory/none").await.is(422);
    assert_eq!(
        shop.get(Inventory, "/inventory")
            .await
            .is(200)
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordering_paying_and_cancelling_move_the_units() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(2.0).await;
    let stock = john.stock(&product, 10).await;
    let path = format!("/inventory/{stock}");
    let look = || async { levels(&john.get(Inventory, &path).await.is(200).json()) };

    let first = john.ordered(&product, 4).await;
    assert_eq!(look().await, [10, 4, 6, 0]);
    let second = john.ordered(&product, 5).await;
    assert_eq!(look().await, [10, 9, 1, 0]);
    john.put(Inventory, &path, &json!({"stock_level": 8}))
        .await
        .problem(409, "stock-below-reserved");
    john.post(Inventory, &format!("{path}/adjustment"), &json!({"by": -2}))
        .await
        .is(409);
    john.pay(&first, ALWAYS).await.is(200);
    assert_eq!(look().await, [6, 5, 1, 4]);
    john.delete(Order, &format!("/order/{second}"))
        .await
        .is(204);
    assert_eq!(look().await, [6, 0, 6, 4]);
    let refused = john
        .post(Order, &format!("/order/{product}"), &order(7))
        .await
        .problem(409, "insufficient-stock");
    assert_eq!(refused["available"], 6);
    house.close().await;
}
