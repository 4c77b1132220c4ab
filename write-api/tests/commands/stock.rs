use service::Service;
use uuid::Uuid;

use crate::bench::Bench;

#[tokio::test]
async fn a_stock_record_is_opened_once_set_and_adjusted() {
    let bench = Bench::new().await;
    let body = r#"{"name":"Laptop","description":"","price":1}"#;
    let product = bench
        .post(Service::Product, "/product")
        .json(body)
        .await
        .expecting(201)
        .word("product_id");
    let path = format!("/inventory/{product}");

    let opened = bench
        .post(Service::Inventory, &path)
        .json(r#"{"stock_level":100}"#)
        .await
        .expecting(201);
    let id = opened.word("inventory_id");
    assert_eq!(opened.header("location"), format!("/inventory/{id}"));
    assert_eq!(
        opened.fields(),
        [
            "id",
            "inventory_id",
            "product_id",
            "stock_level",
            "reserved_stock",
            "available_stock",
            "sold_stock"
        ]
    );
    assert_eq!(opened.json()["id"], 2);
    assert_eq!(opened.word("product_id"), product);
    assert_eq!(opened.json()["available_stock"], 100);
    bench
        .post(Service::Inventory, &path)
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(409, "stock-exists");

    let path = format!("/inventory/{id}");
    let set = bench
        .put(Service::Inventory, &path)
        .json(r#"{"stock_level":7}"#)
        .await
        .expecting(200);
    assert_eq!(
        (set.json()["stock_level"].as_i64(), set.header("etag")),
        (Some(7), "\"2\"")
    );
    let set = bench
        .put(Service::Inventory, &path)
        .header("if-match", "\"1\"")
        .json(r#"{"stock_level":9}"#)
        .await;
    set.refusing(412, "stale");

    let path = format!("/inventory/{id}/adjustment");
    let less = bench
        .post(Service::Inventory, &path)
        .json(r#"{"by":-3,"reason":"broken"}"#)
        .await
        .expecting(200);
    assert_eq!(less.json()["stock_level"], 4);
    let more = bench
        .post(Service::Inventory, &path)
        .json(r#"{"by":6}"#)
        .await
        .expecting(200);
    assert_eq!(
        (
            more.json()["stock_level"].as_i64(),
            more.json()["id"].as_i64()
        ),
        (Some(10), Some(2))
    );
    bench
        .post(Service::Inventory, &path)
        .json(r#"{"by":-11}"#)
        .await
        .refusing(409, "stock-out-of-range");
    bench
        .post(Service::Inventory, &path)
        .json(r#"{"by":1000000000}"#)
        .await
        .refusing(409, "stock-out-of-range");
    let events = bench.events().await;
    assert_eq!(
        events[1..],
        [
            "stock opened",
            "stock level-set",
            "stock adjusted",
            "stock adjusted"
        ]
    );
}

#[tokio::test]
async fn the_level_never_falls_below_what_is_reserved() {
    let bench = Bench::new().await;
    let product = bench.product("1", 10).await;
    bench.order(&bench.someone(), &product, 4).await;
    let path = format!("/inventory/{}", Bench::stock_id(&product));

    let refused = bench
        .put(Service::Inventory, &path)
        .json(r#"{"stock_level":3}"#)
        .await;
    assert_eq!(
        refused.refusing(409, "stock-below-reserved").json()["reserved"],
        4
    );
    let adjustment = format!("{path}/adjustment");
    bench
        .post(Service::Inventory, &adjustment)
        .json(r#"{"by":-7}"#)
        .await
        .refusing(409, "stock-below-reserved");
    let set = bench
        .put(Service::Inventory, &path)
        .json(r#"{"stock_level":4}"#)
        .await
        .expecting(200);
    assert_eq!(
        (
            set.json()["available_stock"].as_i64(),
            set.json()["reserved_stock"].as_i64()
        ),
        (Some(0), Some(4))
    );
}

#[tokio::test]
async fn what_is_no_stock_is_refused() {
    let bench = Bench::new().await;
    let unknown = format!("/inventory/{}", Uuid::now_v7());
    bench
        .post(Service::Inventory, &unknown)
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(404, "product-not-found");
    bench
        .put(Service::Inventory, &unknown)
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(404, "stock-not-found");
    let adjustment = format!("{unknown}/adjustment");
    bench
        .post(Service::Inventory, &adjustment)
        .json(r#"{"by":1}"#)
        .await
        .refusing(404, "stock-not-found");

    for level in ["-1", "1000000001", "1.5", "\"1\"", "null"] {
        let body = format!(r#"{{"stock_level":{level}}}"#);
        bench
            .post(Service::Inventory, &unknown)
            .json(&body)
            .await
            .pointing_at("/stock_level");
        bench
            .put(Service::Inventory, &unknown)
            .json(&body)
            .await
            .pointing_at("/stock_level");
    }
    for by in ["0", "1000000001", "-1000000001", "1.5", "\"1\""] {
        bench
            .post(Service::Inventory, &adjustment)
            .json(&format!(r#"{{"by":{by}}}"#))
            .await
            .pointing_at("/by");
    }
    let reason = format!(r#"{{"by":1,"reason":"{}"}}"#, "x".repeat(501));
    bench
        .post(Service::Inventory, &adjustment)
        .json(&reason)
        .await
        .pointing_at("/reason");
    bench
        .post(Service::Inventory, "/inventory/x")
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(422, "invalid");
    bench
        .put(Service::Inventory, "/inventory/x")
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(422, "invalid");
    bench
        .post(Service::Inventory, "/inventory/x/adjustment")
        .json(r#"{"by":1}"#)
        .await
        .refusing(422, "invalid");
}
