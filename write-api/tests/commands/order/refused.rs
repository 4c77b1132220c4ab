use service::Service;
use uuid::Uuid;

use super::{WISH, cancel, change, place};
use crate::bench::Bench;

#[tokio::test]
async fn another_users_order_is_as_if_there_were_none() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let order = bench.order(&bench.someone(), &product, 4).await;
    let mallory = bench.someone();

    change(&bench, &mallory, &order, WISH)
        .await
        .refusing(404, "order-not-found");
    cancel(&bench, &mallory, &order)
        .await
        .refusing(404, "order-not-found");
    let path = format!("/order/{order}");
    let stale = bench
        .delete(Service::Order, &path)
        .bearer(&mallory)
        .header("if-match", "\"9\"")
        .empty()
        .await;
    stale.refusing(404, "order-not-found");
    bench
        .pay(&mallory, &order, "4000000000000077")
        .await
        .refusing(404, "order-not-found");
}

#[tokio::test]
async fn an_order_is_changed_and_cancelled_on_its_current_version_only() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 4).await;
    let path = format!("/order/{order}");

    let put = |tag: &'static str| {
        bench
            .put(Service::Order, &path)
            .bearer(&token)
            .header("if-match", tag)
            .json(WISH)
    };
    put("\"2\"").await.refusing(412, "stale");
    put("\"1\"").await.expecting(200);
    put("\"1\"").await.refusing(412, "stale");
    let delete = |tag: &'static str| {
        bench
            .delete(Service::Order, &path)
            .bearer(&token)
            .header("if-match", tag)
            .empty()
    };
    delete("\"1\"").await.refusing(412, "stale");
    delete("nonsense").await.refusing(400, "malformed");
    assert_eq!(
        bench.levels(&product).await,
        (10, 2, 0),
        "a stale change reserves nothing"
    );
    delete("\"2\"").await.expecting(204);
}

#[tokio::test]
async fn what_is_no_order_is_refused_with_its_field() {
    let bench = Bench::new().await;
    let token = bench.someone();
    let id = Uuid::now_v7().to_string();
    for (wish, pointer) in [
        (
            r#"{"quantity":0,"shipping_address":"x"}"#.to_owned(),
            "/quantity",
        ),
        (
            r#"{"quantity":1001,"shipping_address":"x"}"#.to_owned(),
            "/quantity",
        ),
        (
            r#"{"quantity":1.5,"shipping_address":"x"}"#.to_owned(),
            "/quantity",
        ),
        (
            r#"{"quantity":1,"shipping_address":""}"#.to_owned(),
            "/shipping_address",
        ),
        (
            r#"{"quantity":1,"shipping_address":"a\u0000"}"#.to_owned(),
            "/shipping_address",
        ),
        (
            format!(
                r#"{{"quantity":1,"shipping_address":"{}"}}"#,
                "x".repeat(501)
            ),
            "/shipping_address",
        ),
        (r#"{"quantity":1}"#.to_owned(), "/shipping_address"),
        (
            format!(
                r#"{{"quantity":1,"shipping_address":"x","customer_notes":"{}"}}"#,
                "x".repeat(1001)
            ),
            "/customer_notes",
        ),
        (
            r#"{"quantity":1,"shipping_address":"x","price":1}"#.to_owned(),
            "/price",
        ),
    ] {
        place(&bench, &token, &id, &wish).await.pointing_at(pointer);
        change(&bench, &token, &id, &wish)
            .await
            .pointing_at(pointer);
    }
    place(&bench, &token, "x", WISH)
        .await
        .refusing(422, "invalid");
    change(&bench, &token, "x", WISH)
        .await
        .refusing(422, "invalid");
    cancel(&bench, &token, "x").await.refusing(422, "invalid");
    change(&bench, &token, &id, WISH)
        .await
        .refusing(404, "order-not-found");
    cancel(&bench, &token, &id)
        .await
        .refusing(404, "order-not-found");

    let path = format!("/order/{id}");
    bench
        .post(Service::Order, &path)
        .json(WISH)
        .await
        .refusing(401, "unauthorized");
    bench
        .put(Service::Order, &path)
        .json(WISH)
        .await
        .refusing(401, "unauthorized");
    bench
        .delete(Service::Order, &path)
        .empty()
        .await
        .refusing(401, "unauthorized");
    place(&bench, "nonsense", &id, WISH)
        .await
        .refusing(401, "unauthorized");
    assert!(bench.events().await.is_empty());
}
