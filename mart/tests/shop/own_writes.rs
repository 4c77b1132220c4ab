//! Whoever writes sees it in the next read; with the token, anybody does.

use reqwest::Method;
use serde_json::json;
use service::Service::{Inventory, Order, Product, User};

use crate::customer::{id, send};
use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customers_next_read_is_never_stale() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    let stock = john.stock(&product, 1_000_000).await;
    for n in 1..=1_000 {
        let order_id = john.ordered(&product, 1).await;
        john.get(Order, &format!("/order/{order_id}")).await.is(200);
        let record = john
            .get(Inventory, &format!("/inventory/{stock}"))
            .await
            .is(200)
            .json();
        assert_eq!(record["reserved_stock"], n);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_next_read_is_never_stale() {
    let house = House::open().await;
    let stranger = house.stranger();
    for n in 0..500 {
        let body = json!({"name": format!("Thing {n}"), "description": "", "price": 1});
        let product = id(
            &stranger
                .post(Product, "/product", &body)
                .await
                .is(201)
                .json(),
            "product_id",
        );
        stranger
            .get(Product, &format!("/product/{product}"))
            .await
            .is(200);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_token_another_callers_read_is_never_stale_on_any_port() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let mary = house.customer("mary").await;
    let product = john.product(1.0).await;
    let stock = john.stock(&product, 1_000_000).await;
    for n in 1..=1_000 {
        let placed = john.order(&product, 1).await.is(201);
        let token = placed.header("consistency-token").to_owned();
        let read = mary
            .request(Method::GET, Inventory, &format!("/inventory/{stock}"))
            .header("consistency-token", &token);
        assert_eq!(send(read).await.is(200).json()["reserved_stock"], n);
    }
    // A token of a write that never was: waits its time, then says so, and never answers with old things.
    let ahead = service::ConsistencyToken::at(1_000_000).to_string();
    let read = mary
        .request(Method::GET, User, "/user/me")
        .header("consistency-token", ahead);
    let late = send(read).await;
    assert!(late.has_header("retry-after"));
    late.is(503);
    house.close().await;
}
