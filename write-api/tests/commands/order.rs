mod refused;

use service::{ConsistencyToken, Service};
use uuid::Uuid;

use crate::bench::{Bench, Reply};

const WISH: &str = r#"{"quantity":2,"shipping_address":"123 Main St, City, Country","customer_notes":"Please deliver in the morning"}"#;

async fn place(bench: &Bench, token: &str, product: &str, wish: &str) -> Reply {
    bench
        .post(Service::Order, &format!("/order/{product}"))
        .bearer(token)
        .json(wish)
        .await
}

async fn change(bench: &Bench, token: &str, order: &str, wish: &str) -> Reply {
    bench
        .put(Service::Order, &format!("/order/{order}"))
        .bearer(token)
        .json(wish)
        .await
}

async fn cancel(bench: &Bench, token: &str, order: &str) -> Reply {
    bench
        .delete(Service::Order, &format!("/order/{order}"))
        .bearer(token)
        .empty()
        .await
}

#[tokio::test]
async fn an_order_takes_the_price_of_its_moment_and_reserves_in_the_same_append() {
    let bench = Bench::new().await;
    let product = bench.product("999.99", 100).await;
    let user = Uuid::now_v7();
    let token = bench.token(user, "customer");

    let placed = place(&bench, &token, &product, WISH).await.expecting(201);

    let order = placed.word("order_id");
    assert_eq!(placed.header("location"), format!("/order/{order}"));
    assert_eq!(placed.header("etag"), "\"1\"");
    assert!(!placed.header("consistency-token").is_empty());
    assert_eq!(
        placed.fields(),
        [
            "id",
            "order_id",
            "product_id",
            "user_id",
            "quantity",
            "shipping_address",
            "customer_notes",
            "order_status",
            "payment_status",
            "unit_price",
            "total",
            "placed_at",
        ]
    );
    let json = placed.json();
    assert_eq!(json["id"], 4, "{}", placed.text);
    assert_eq!(
        (json["product_id"].as_str(), json["user_id"].as_str()),
        (Some(&*product), Some(&*user.to_string()))
    );
    assert_eq!(
        (
            json["order_status"].as_str(),
            json["payment_status"].as_str()
        ),
        (Some("IN_PROGRESS"), Some("PENDING"))
    );
    assert!(
        placed
            .text
            .contains(r#""unit_price":999.99,"total":1999.98,"#),
        "{}",
        placed.text
    );
    assert_eq!(
        bench.events().await[2..],
        ["stock reserved", "order placed"]
    );
    assert_eq!(bench.levels(&product).await, (100, 2, 0));

    let dearer = r#"{"name":"Laptop","description":"","price":2000}"#;
    bench
        .put(Service::Product, &format!("/product/{product}"))
        .json(dearer)
        .await
        .expecting(200);
    let changed = change(&bench, &token, &order, &WISH.replace(":2,", ":3,"))
        .await
        .expecting(200);
    assert!(
        changed
            .text
            .contains(r#""unit_price":999.99,"total":2999.97,"#),
        "{}",
        changed.text
    );
}

#[tokio::test]
async fn the_token_says_which_streams_a_write_touched() {
    let bench = Bench::new().await;
    let product = bench.product("1.00", 100).await;
    let token = bench.someone();
    let told = |reply: &Reply| -> ConsistencyToken {
        reply
            .header("consistency-token")
            .parse()
            .expect("one of ours")
    };
    let placed = place(&bench, &token, &product, WISH).await.expecting(201);
    let order = placed.word("order_id");
    let stock = Bench::stock_id(&product);
    let streams = |token: &ConsistencyToken| -> Vec<_> {
        let streams = token.streams().iter();
        let mut streams: Vec<_> = streams
            .map(|stream| (stream.topic, stream.key.to_string()))
            .collect();
        streams.sort();
        streams
    };
    let first = told(&placed);
    let touched = [
        (proto::Topic::Inventory as u8, stock),
        (proto::Topic::Order as u8, order.clone()),
    ];
    assert_eq!(streams(&first), touched);
    let last = first.streams().iter().map(|stream| stream.position).max();
    assert_eq!(last, Some(first.position()));

    // Said twice, nothing is written: nothing is known but a position that shows it.
    let again = change(&bench, &token, &order, WISH).await.expecting(200);
    assert_eq!(told(&again), ConsistencyToken::at(first.position()));
    let cancelled = cancel(&bench, &token, &order).await.expecting(204);
    assert_eq!(streams(&told(&cancelled)), touched);
}

#[tokio::test]
async fn no_more_is_ordered_than_is_free() {
    let bench = Bench::new().await;
    let product = bench.product("1", 3).await;
    let token = bench.someone();
    place(&bench, &token, &product, WISH).await.expecting(201);

    let refused = place(&bench, &token, &product, WISH)
        .await
        .refusing(409, "insufficient-stock");
    assert_eq!(refused.json()["available"], 1);
    let body = r#"{"name":"no stock","description":"","price":1}"#;
    let bare = bench
        .post(Service::Product, "/product")
        .json(body)
        .await
        .expecting(201)
        .word("product_id");
    let refused = place(&bench, &token, &bare, WISH)
        .await
        .refusing(409, "insufficient-stock");
    assert_eq!(refused.json()["available"], 0);
}

#[tokio::test]
async fn only_what_is_offered_can_be_ordered() {
    let bench = Bench::new().await;
    let product = bench.product("1", 3).await;
    let withdrawn = r#"{"name":"Laptop","description":"","price":1,"is_available":false}"#;
    bench
        .put(Service::Product, &format!("/product/{product}"))
        .json(withdrawn)
        .await
        .expecting(200);

    place(&bench, &bench.someone(), &product, WISH)
        .await
        .refusing(409, "product-not-offered");
    let unknown = Uuid::now_v7().to_string();
    place(&bench, &bench.someone(), &unknown, WISH)
        .await
        .refusing(404, "product-not-found");
}

#[tokio::test]
async fn a_changed_order_reserves_the_difference() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 4).await;
    let units = |units: u32| format!(r#"{{"quantity":{units},"shipping_address":"there"}}"#);

    let more = change(&bench, &token, &order, &units(9))
        .await
        .expecting(200);
    assert_eq!(
        (more.json()["quantity"].as_i64(), more.json()["id"].as_i64()),
        (Some(9), Some(4))
    );
    assert_eq!(more.json()["customer_notes"], serde_json::Value::Null);
    assert_eq!(bench.levels(&product).await, (10, 9, 0));
    let refused = change(&bench, &token, &order, &units(12))
        .await
        .refusing(409, "insufficient-stock");
    assert_eq!(refused.json()["available"], 2); // `levels` has put one more on the shelf
    change(&bench, &token, &order, &units(1))
        .await
        .expecting(200);
    assert_eq!(bench.levels(&product).await, (11, 1, 0));
    let same = change(&bench, &token, &order, &units(1))
        .await
        .expecting(200);
    assert_eq!(same.header("etag"), "\"3\"", "said twice, done once");
}

#[tokio::test]
async fn a_cancelled_order_releases_and_is_gone() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 4).await;

    cancel(&bench, &token, &order).await.expecting(204);

    assert_eq!(
        bench.events().await[4..],
        ["order cancelled", "stock released"]
    );
    assert_eq!(bench.levels(&product).await, (10, 0, 0));
    cancel(&bench, &token, &order)
        .await
        .refusing(404, "order-not-found");
    change(&bench, &token, &order, WISH)
        .await
        .refusing(404, "order-not-found");
    bench
        .pay(&token, &order, "4000000000000077")
        .await
        .refusing(404, "order-not-found");
}

#[tokio::test]
async fn a_paid_order_stands() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 4).await;
    bench
        .pay(&token, &order, "4000000000000077")
        .await
        .expecting(200);

    change(&bench, &token, &order, WISH)
        .await
        .refusing(409, "order-already-paid");
    cancel(&bench, &token, &order)
        .await
        .refusing(409, "order-already-paid");
}
