//! Prices come back digit for digit, or not at all.

use reqwest::Method;
use service::Service::{Order, Payment, Product};

use crate::customer::{ALWAYS, id, payment};
use crate::house::House;

fn body(price: &str) -> String {
    format!(r#"{{"name":"Laptop","description":"High-performance laptop","price":{price}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_price_comes_back_digit_for_digit() {
    let house = House::open().await;
    let shop = house.stranger();
    for price in [
        "0.1",
        "0.29",
        "1.15",
        "19.99",
        "999.99",
        "999999.99",
        "0.01",
        "1000000",
    ] {
        let created = shop
            .raw(Method::POST, Product, "/product", body(price))
            .await
            .is(201);
        let exactly = format!(r#""price":{price},"#);
        assert!(created.text.contains(&exactly), "{}", created.text);
        let path = format!("/product/{}", id(&created.json(), "product_id"));
        let read = shop.get(Product, &path).await.is(200);
        assert!(read.text.contains(&exactly), "{}", read.text);
    }
    let list = shop.get(Product, "/products").await.is(200);
    assert!(list.text.contains(r#""price":999999.99,"#), "{}", list.text);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_price_is_refused() {
    let house = House::open().await;
    let shop = house.stranger();
    for price in [
        "0",
        "-1",
        "1.005",
        "1e9",
        "1000000.01",
        "0.001",
        "\"12\"",
        "null",
        "true",
        "[1]",
        "{}",
        "-0.01",
    ] {
        shop.raw(Method::POST, Product, "/product", body(price))
            .await
            .points_at("/price");
    }
    for price in ["NaN", "Infinity", "01", ".5", "1.", "+1", "1e400"] {
        shop.raw(Method::POST, Product, "/product", body(price))
            .await
            .problem(400, "malformed");
    }
    assert_eq!(house.shop().log().head().await.expect("a head"), 0);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_multiplies_exactly_and_is_paid_exactly() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(0.29).await;
    john.stock(&product, 1000).await;
    let order = john.order(&product, 999).await.is(201);
    assert!(
        order.text.contains(r#""unit_price":0.29,"#) && order.text.contains(r#""total":289.71,"#),
        "{}",
        order.text
    );
    let order = id(&order.json(), "order_id");
    let read = john.get(Order, &format!("/order/{order}")).await.is(200);
    assert!(read.text.contains(r#""total":289.71,"#), "{}", read.text);
    let paid = john
        .put(Payment, "/payment", &payment(&order, ALWAYS))
        .await
        .is(200);
    assert!(paid.text.contains(r#""amount":289.71,"#), "{}", paid.text);
    house.close().await;
}
