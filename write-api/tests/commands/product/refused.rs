use std::sync::Arc;

use service::{Profile, Service};
use uuid::Uuid;
use write_api::SimulatedGateway;

use super::LAPTOP;
use crate::bench::Bench;

#[tokio::test]
async fn what_is_no_product_is_refused_with_its_field() {
    let bench = Bench::new().await;
    let long = "ä".repeat(200);
    for (body, pointer) in [
        (r#"{"description":"","price":1}"#.to_owned(), "/name"),
        (
            r#"{"name":"","description":"","price":1}"#.to_owned(),
            "/name",
        ),
        (
            r#"{"name":"  ","description":"","price":1}"#.to_owned(),
            "/name",
        ),
        (
            format!(r#"{{"name":"{long}x","description":"","price":1}}"#),
            "/name",
        ),
        (
            r#"{"name":"a\u0000b","description":"","price":1}"#.to_owned(),
            "/name",
        ),
        (
            r#"{"name":"x","description":"a\u0000b","price":1}"#.to_owned(),
            "/description",
        ),
        (r#"{"name":"x","price":1}"#.to_owned(), "/description"),
        (
            r#"{"name":"x","description":"","price":1,"is_available":"yes"}"#.to_owned(),
            "/is_available",
        ),
        (
            r#"{"name":"x","description":"","price":1,"colour":"red"}"#.to_owned(),
            "/colour",
        ),
    ] {
        bench
            .post(Service::Product, "/product")
            .json(&body)
            .await
            .pointing_at(pointer);
    }
    let body = format!(r#"{{"name":"{long}","description":"","price":1}}"#);
    bench
        .post(Service::Product, "/product")
        .json(&body)
        .await
        .expecting(201); // characters, not bytes

    bench
        .post(Service::Product, "/product")
        .json("{")
        .await
        .refusing(400, "malformed");
    bench
        .post(Service::Product, "/product")
        .json("[]")
        .await
        .refusing(422, "invalid");
    bench
        .post(Service::Product, "/product")
        .form("name=x")
        .await
        .refusing(415, "unsupported-media-type");
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    bench
        .post(Service::Product, "/product")
        .json(&huge)
        .await
        .refusing(413, "too-large");
    bench
        .put(Service::Product, "/product/7")
        .json(LAPTOP)
        .await
        .refusing(422, "invalid");
    bench
        .delete(Service::Product, "/product/7")
        .empty()
        .await
        .refusing(422, "invalid");
    let unknown = format!("/product/{}", Uuid::now_v7());
    bench
        .put(Service::Product, &unknown)
        .json(LAPTOP)
        .await
        .refusing(404, "product-not-found");
    bench
        .delete(Service::Product, &unknown)
        .empty()
        .await
        .refusing(404, "product-not-found");
}

#[tokio::test]
async fn who_may_write_the_catalogue_depends_on_the_profile() {
    let bench = Bench::new().await;
    bench
        .post(Service::Product, "/product")
        .bearer("nonsense")
        .json(LAPTOP)
        .await
        .refusing(401, "unauthorized");
    let keeper = Uuid::now_v7();
    bench
        .post(Service::Product, "/product")
        .bearer(&bench.token(keeper, "customer"))
        .json(LAPTOP)
        .await
        .expecting(201);
    let stored = bench
        .shop
        .store
        .log()
        .stored(0, 1)
        .await
        .expect("the log can be read");
    assert_eq!(stored[0].metadata["actor"], keeper.to_string());

    let bench = Bench::with(Profile::Prod, Arc::new(SimulatedGateway::new(1.0, 0))).await;
    let admin = bench.token(Uuid::now_v7(), "admin");
    bench
        .post(Service::Product, "/product")
        .json(LAPTOP)
        .await
        .refusing(401, "unauthorized");
    bench
        .post(Service::Product, "/product")
        .bearer(&bench.someone())
        .json(LAPTOP)
        .await
        .refusing(403, "forbidden");
    let created = bench
        .post(Service::Product, "/product")
        .bearer(&admin)
        .json(LAPTOP)
        .await
        .expecting(201);
    let path = format!("/product/{}", created.word("product_id"));
    bench
        .put(Service::Product, &path)
        .json(LAPTOP)
        .await
        .refusing(401, "unauthorized");
    bench
        .delete(Service::Product, &path)
        .bearer(&bench.someone())
        .empty()
        .await
        .refusing(403, "forbidden");
    let stock = format!("/inventory/{}", created.word("product_id"));
    bench
        .post(Service::Inventory, &stock)
        .json(r#"{"stock_level":1}"#)
        .await
        .refusing(401, "unauthorized");
    bench
        .post(Service::Inventory, &stock)
        .bearer(&admin)
        .json(r#"{"stock_level":1}"#)
        .await
        .expecting(201);
}
