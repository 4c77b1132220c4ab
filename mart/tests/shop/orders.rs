//! The table of port 8002, row by row, status by status.

use reqwest::Method;
use serde_json::json;
use service::Service::{Inventory, Order, Product};
use uuid::Uuid;

use crate::customer::{ALWAYS, id, order, send};
use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_placed_read_changed_and_deleted() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(999.99).await;
    let stock = john.stock(&product, 10).await;
    let placed = john.order(&product, 2).await.is(201);
    let body = placed.json();
    let order_id = id(&body, "order_id");
    let path = format!("/order/{order_id}");
    assert_eq!(placed.header("location"), path);
    assert_eq!(placed.header("etag"), "\"1\"");
    for (field, value) in [
        ("product_id", json!(product)),
        ("quantity", json!(2)),
        ("shipping_address", json!("123 Main St, City, Country")),
        ("customer_notes", json!("Please deliver in the morning")),
        ("order_status", json!("IN_PROGRESS")),
        ("payment_status", json!("PENDING")),
        ("unit_price", json!(999.99)),
        ("total", json!(1999.98)),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
    assert!(
        body["id"].is_i64() && body["user_id"].is_string() && body["placed_at"].is_string(),
        "{body}"
    );
    let read = john.get(Order, &path).await.is(200);
    assert_eq!(read.json(), body);
    assert_eq!(read.header("etag"), "\"1\"");
    send(
        john.request(Method::GET, Order, &path)
            .header("if-none-match", "\"1\""),
    )
    .await
    .is(304);
    assert_eq!(
        john.get(Order, "/orders").await.is(200).json(),
        json!([body])
    );

    // The price is the one at the time of ordering.
    john.put(
        Product,
        &format!("/product/{product}"),
        &json!({"name": "Laptop", "description": "", "price": 5}),
    )
    .await
    .is(200);
    let changed = john
        .put(
            Order,
            &path,
            &json!({"quantity": 10, "shipping_address": "Elsewhere 1"}),
        )
        .await
        .is(200);
    assert_eq!(changed.json()["total"], json!(9999.9));
    assert_eq!(changed.json()["id"], body["id"]);
    assert_eq!(john.get(Order, &path).await.is(200).json(), changed.json());
    let reserved = john
        .get(Inventory, &format!("/inventory/{stock}"))
        .await
        .is(200)
        .json();
    assert_eq!(reserved["reserved_stock"], 10);
    let refused = john
        .put(Order, &path, &order(11))
        .await
        .problem(409, "insufficient-stock");
    assert_eq!(refused["available"], 0);
    let stale = send(
        john.request(Method::PUT, Order, &path)
            .header("if-match", "\"1\"")
            .json(&order(1)),
    )
    .await;
    stale.problem(412, "stale");
    let stale = send(
        john.request(Method::DELETE, Order, &path)
            .header("if-match", "\"1\""),
    )
    .await;
    stale.problem(412, "stale");

    john.delete(Order, &path).await.is(204);
    john.get(Order, &path).await.problem(404, "order-not-found");
    john.put(Order, &path, &order(1))
        .await
        .problem(404, "order-not-found");
    john.delete(Order, &path)
        .await
        .problem(404, "order-not-found");
    assert_eq!(john.get(Order, "/orders").await.is(200).json(), json!([]));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_nobody_elses_business() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let mallory = house.customer("mallory").await;
    let product = john.product(1.0).await;
    john.stock(&product, 10).await;
    let order_id = john.ordered(&product, 1).await;
    let path = format!("/order/{order_id}");
    mallory
        .get(Order, &path)
        .await
        .problem(404, "order-not-found");
    mallory
        .put(Order, &path, &order(1))
        .await
        .problem(404, "order-not-found");
    mallory
        .delete(Order, &path)
        .await
        .problem(404, "order-not-found");
    mallory
        .pay(&order_id, ALWAYS)
        .await
        .problem(404, "order-not-found");
    assert_eq!(
        mallory.get(Order, "/orders").await.is(200).json(),
        json!([])
    );
    let stranger = house.stranger();
    stranger
        .get(Order, "/orders")
        .await
        .problem(401, "unauthorized");
    stranger
        .get(Order, &path)
        .await
        .problem(401, "unauthorized");
    stranger
        .order(&product, 1)
        .await
        .problem(401, "unauthorized");
    stranger
        .put(Order, &path, &order(1))
        .await
        .problem(401, "unauthorized");
    stranger
        .delete(Order, &path)
        .await
        .problem(401, "unauthorized");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_ordered_says_why() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    john.order(&Uuid::now_v7().to_string(), 1)
        .await
        .problem(404, "product-not-found");
    let product = john.product(1.0).await;
    let none = john
        .order(&product, 1)
        .await
        .problem(409, "insufficient-stock");
    assert_eq!(none["available"], 0, "no stock record yet");
    john.stock(&product, 3).await;
    let few = john
        .order(&product, 4)
        .await
        .problem(409, "insufficient-stock");
    assert_eq!(few["available"], 3);
    john.put(
        Product,
        &format!("/product/{product}"),
        &json!({"name": "L", "description": "", "price": 1, "is_available": false}),
    )
    .await
    .is(200);
    john.order(&product, 1)
        .await
        .problem(409, "product-not-offered");
    let path = format!("/order/{product}");
    for quantity in [
        json!(0),
        json!(1001),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
    ] {
        let body = json!({"quantity": quantity, "shipping_address": "Here 1"});
        john.post(Order, &path, &body).await.points_at("/quantity");
    }
    for (field, value) in [
        ("shipping_address", json!("")),
        ("shipping_address", json!("a".repeat(501))),
        ("shipping_address", json!("nul\u{0}")),
        ("customer_notes", json!("n".repeat(1001))),
        ("price", json!(0.01)),
    ] {
        let mut body = order(1);
        body[field] = value;
        john.post(Order, &path, &body)
            .await
            .points_at(&format!("/{field}"));
    }
    // Lengths count characters, not bytes.
    john.put(
        Product,
        &format!("/product/{product}"),
        &json!({"name": "L", "description": "", "price": 1}),
    )
    .await
    .is(200);
    let wide = json!({"quantity": 1, "shipping_address": "ß".repeat(500), "customer_notes": "界".repeat(1000)});
    john.post(Order, &path, &wide).await.is(201);
    john.get(Order, "/order/none").await.is(422);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_stays_as_it_is() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    john.stock(&product, 10).await;
    let order_id = john.ordered(&product, 1).await;
    let path = format!("/order/{order_id}");
    john.pay(&order_id, ALWAYS).await.is(200);
    john.put(Order, &path, &order(2))
        .await
        .problem(409, "order-already-paid");
    john.delete(Order, &path)
        .await
        .problem(409, "order-already-paid");
    let read = john.get(Order, &path).await.is(200).json();
    assert_eq!(
        (&read["order_status"], &read["payment_status"]),
        (&json!("COMPLETED"), &json!("PAID"))
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_paged_newest_first() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    john.stock(&product, 100).await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(john.ordered(&product, 1).await);
    }
    placed.reverse();
    let (mut path, mut seen) = ("/orders?limit=2".to_owned(), Vec::new());
    loop {
        let page = john.get(Order, &path).await.is(200);
        seen.extend(
            page.json()
                .as_array()
                .expect("an array")
                .iter()
                .map(|o| id(o, "order_id")),
        );
        if !page.has_header("link") {
            break;
        }
        let link = page.header("link");
        path = link[1..link.find('>').expect("a link in brackets")].to_owned();
        // Another order in between neither repeats nor hides any.
        john.ordered(&product, 1).await;
    }
    assert_eq!(seen, placed);
    house.close().await;
}
