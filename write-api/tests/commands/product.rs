mod refused;

use service::Service;

use crate::bench::Bench;

const LAPTOP: &str = r#"{"name":"Laptop","description":"High-performance laptop","price":999.99}"#;

#[tokio::test]
async fn a_product_is_created_changed_and_deleted() {
    let bench = Bench::new().await;

    let created = bench
        .post(Service::Product, "/product")
        .json(LAPTOP)
        .await
        .expecting(201);
    let id = created.word("product_id");
    assert_eq!(created.header("location"), format!("/product/{id}"));
    assert_eq!(created.header("etag"), "\"1\"");
    assert!(!created.header("consistency-token").is_empty());
    assert_eq!(
        created.fields(),
        [
            "id",
            "product_id",
            "name",
            "description",
            "price",
            "is_available"
        ]
    );
    assert_eq!(created.json()["id"], 1);
    assert!(
        created.text.contains(r#""price":999.99,"#),
        "{}",
        created.text
    );
    assert_eq!(
        created.json()["is_available"],
        false,
        "nothing lies on the shelf yet"
    );

    let path = format!("/product/{id}");
    let better = r#"{"name":"Laptop 2","description":"","price":1000.5,"is_available":false}"#;
    let changed = bench
        .put(Service::Product, &path)
        .json(better)
        .await
        .expecting(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.json()["id"], 1, "the creating event's position");
    assert!(
        changed.text.contains(r#""price":1000.5,"#),
        "{}",
        changed.text
    );
    let same = bench
        .put(Service::Product, &path)
        .json(better)
        .await
        .expecting(200);
    assert_eq!(same.header("etag"), "\"2\"", "said twice, done once");

    bench
        .delete(Service::Product, &path)
        .empty()
        .await
        .expecting(204);
    bench
        .delete(Service::Product, &path)
        .empty()
        .await
        .refusing(404, "product-not-found");
    bench
        .put(Service::Product, &path)
        .json(better)
        .await
        .refusing(404, "product-not-found");
    assert_eq!(
        bench.events().await,
        ["product created", "product changed", "product deleted"]
    );
}

#[tokio::test]
async fn a_product_is_available_while_it_is_offered_and_a_unit_is_free() {
    let bench = Bench::new().await;
    let id = bench.product("10", 1).await;
    let path = format!("/product/{id}");
    let offered = r#"{"name":"Laptop","description":"","price":10}"#;
    let withdrawn = r#"{"name":"Laptop","description":"","price":10,"is_available":false}"#;

    let changed = bench
        .put(Service::Product, &path)
        .json(withdrawn)
        .await
        .expecting(200);
    assert_eq!(changed.json()["is_available"], false);
    let changed = bench
        .put(Service::Product, &path)
        .json(offered)
        .await
        .expecting(200);
    assert_eq!(changed.json()["is_available"], true);
    bench.order(&bench.someone(), &id, 1).await;
    let changed = bench
        .put(Service::Product, &path)
        .json(offered)
        .await
        .expecting(200);
    assert_eq!(
        changed.json()["is_available"],
        false,
        "the last unit is reserved"
    );
}

#[tokio::test]
async fn a_change_based_on_an_old_version_is_refused() {
    let bench = Bench::new().await;
    let created = bench
        .post(Service::Product, "/product")
        .json(LAPTOP)
        .await
        .expecting(201);
    let path = format!("/product/{}", created.word("product_id"));
    let other = LAPTOP.replace("Laptop", "Notebook");

    bench
        .put(Service::Product, &path)
        .header("if-match", "\"2\"")
        .json(&other)
        .await
        .refusing(412, "stale");
    bench
        .put(Service::Product, &path)
        .header("if-match", "nonsense")
        .json(&other)
        .await
        .refusing(400, "malformed");
    bench
        .put(Service::Product, &path)
        .header("if-match", "\"1-out\"")
        .json(&other)
        .await
        .expecting(200);
    bench
        .put(Service::Product, &path)
        .header("if-match", "*")
        .json(LAPTOP)
        .await
        .expecting(200);
    bench
        .delete(Service::Product, &path)
        .header("if-match", "\"1\"")
        .empty()
        .await
        .refusing(412, "stale");
    bench
        .delete(Service::Product, &path)
        .header("if-match", "\"3\"")
        .empty()
        .await
        .expecting(204);
}

#[tokio::test]
async fn deleting_a_product_retires_its_stock_in_the_same_append() {
    let bench = Bench::new().await;
    let id = bench.product("10", 5).await;

    bench
        .delete(Service::Product, &format!("/product/{id}"))
        .empty()
        .await
        .expecting(204);

    let events = bench.events().await;
    assert_eq!(events[2..], ["product deleted", "stock retired"]);
    let body = r#"{"quantity":1,"shipping_address":"here"}"#;
    let order = bench
        .post(Service::Order, &format!("/order/{id}"))
        .bearer(&bench.someone())
        .json(body)
        .await;
    order.refusing(404, "product-not-found");
    let path = format!("/inventory/{}", Bench::stock_id(&id));
    bench
        .put(Service::Inventory, &path)
        .json(r#"{"stock_level":9}"#)
        .await
        .refusing(409, "stock-retired");
}

#[tokio::test]
async fn the_request_is_named_in_the_log() {
    let bench = Bench::new().await;
    let reply = bench
        .post(Service::Product, "/product")
        .header("x-request-id", "mine-1")
        .json(LAPTOP)
        .await;
    assert_eq!(reply.expecting(201).header("x-request-id"), "mine-1");
    let stored = bench
        .shop
        .store
        .log()
        .stored(0, 1)
        .await
        .expect("the log can be read");
    assert_eq!(stored[0].metadata["correlation_id"], "mine-1");
    assert_eq!(stored[0].metadata["actor"], "anonymous");
    assert!(stored[0].metadata.get("traceparent").is_none());
}

#[tokio::test]
async fn the_callers_trace_is_kept_with_what_was_written_and_what_is_none_is_not() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let bench = Bench::new().await;
    let add = |traces: &[&'static str]| {
        let asking = bench.post(Service::Product, "/product");
        let asking = traces
            .iter()
            .fold(asking, |asking, trace| asking.header("traceparent", trace));
        asking.json(LAPTOP)
    };
    for traces in [
        &[TRACE][..],
        &["nonsense"],
        &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
        &[TRACE, TRACE],
    ] {
        add(traces).await.expecting(201);
    }
    let log = bench.shop.store.log();
    let stored = log.stored(0, 9).await.expect("the log can be read");
    assert_eq!(stored[0].metadata["traceparent"], TRACE);
    for event in &stored[1..] {
        assert!(event.metadata.get("traceparent").is_none(), "{event:?}");
    }
    assert_eq!(stored.len(), 4);
}
