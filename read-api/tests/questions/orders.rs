use axum::http::{StatusCode, header};
use service::Service::Order;
use uuid::Uuid;

use crate::{
    told::{
        order_cancelled, order_changed, order_completed, order_payment_failed,
        order_payment_started, order_placed,
    },
    world::World,
};

#[tokio::test]
async fn an_order_answers_with_what_was_promised_and_its_version() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world.happened([order_placed(id, alice, 2, 99_999)]).await;
    let token = world.customer(alice);

    let answer = world
        .get(Order, &format!("/order/{id}"))
        .token(&token)
        .await;

    let expected = format!(
        r#"{{"id":1,"order_id":"{id}","product_id":"{}","user_id":"{alice}","quantity":2,"shipping_address":"123 Main St","customer_notes":null,"order_status":"IN_PROGRESS","payment_status":"PENDING","unit_price":999.99,"total":1999.98,"placed_at":"2026-01-02T03:04:05.678901Z"}}"#,
        Uuid::nil()
    );
    assert_eq!(answer.text, expected);
    assert_eq!(answer.header(header::ETAG), "\"1\"");
    let list = world.get(Order, "/orders").token(&token).await;
    assert_eq!(list.text, format!("[{expected}]"));
}

#[tokio::test]
async fn an_order_follows_its_changes_and_its_payment() {
    let world = World::new().await;
    let (id, alice, payment) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let token = world.customer(alice);
    let path = format!("/order/{id}");
    world
        .happened([
            order_placed(id, alice, 2, 10),
            order_changed(id, 2, 3, "Ring"),
        ])
        .await;

    let order = world.get(Order, &path).token(&token).await;
    assert!(
        order.text.contains(r#""unit_price":0.1,"total":0.3,"#),
        "{}",
        order.text
    );
    let order = order.ok();
    assert_eq!(
        (&order["quantity"], &order["customer_notes"]),
        (&3.into(), &"Ring".into())
    );
    assert_eq!(order["shipping_address"], "5 Side St");

    let started = order_payment_started(id, 3, payment, first);
    world
        .happened([started, order_payment_failed(id, 4, first)])
        .await;
    let order = world.get(Order, &path).token(&token).await.ok();
    assert_eq!(
        (&order["order_status"], &order["payment_status"]),
        (&"IN_PROGRESS".into(), &"FAILED".into())
    );

    let started = order_payment_started(id, 5, payment, second);
    world
        .happened([started, order_completed(id, 6, payment, second)])
        .await;
    let seen = world
        .get(Order, &path)
        .header(header::IF_NONE_MATCH, "\"4\"")
        .token(&token)
        .await;
    let order = seen.ok();
    assert_eq!(
        (&order["order_status"], &order["payment_status"]),
        (&"COMPLETED".into(), &"PAID".into())
    );
    let seen = world
        .get(Order, &path)
        .header(header::IF_NONE_MATCH, "\"6\"")
        .token(&token)
        .await;
    assert_eq!(seen.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn an_order_of_another_user_answers_as_an_unknown_one() {
    let world = World::new().await;
    let (id, alice, mallory) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    world.happened([order_placed(id, alice, 1, 100)]).await;
    let token = world.customer(mallory);

    let foreign = world
        .get(Order, &format!("/order/{id}"))
        .token(&token)
        .await;
    let unknown = world
        .get(Order, &format!("/order/{}", Uuid::now_v7()))
        .token(&token)
        .await;

    let (mut foreign, mut unknown) = (
        foreign.problem(404, "order-not-found"),
        unknown.problem(404, "order-not-found"),
    );
    foreign["instance"].take();
    unknown["instance"].take();
    assert_eq!(foreign, unknown);
    assert_eq!(world.get(Order, "/orders").token(&token).await.text, "[]");
}

#[tokio::test]
async fn a_deleted_order_is_not_found() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([order_placed(id, alice, 1, 100), order_cancelled(id, 2)])
        .await;
    let token = world.customer(alice);
    let gone = world
        .get(Order, &format!("/order/{id}"))
        .token(&token)
        .await;
    gone.problem(404, "order-not-found");
    assert_eq!(world.get(Order, "/orders").token(&token).await.text, "[]");
}

#[tokio::test]
async fn without_a_good_token_nobody_sees_orders() {
    let world = World::new().await;
    for path in [
        "/orders",
        "/order/00000000-0000-0000-0000-000000000000",
        "/order/x",
        "/orders?limit=0",
    ] {
        let answer = world.get(Order, path).plain().await;
        answer.problem(401, "unauthorized");
        assert!(
            answer
                .header(header::WWW_AUTHENTICATE)
                .starts_with("Bearer")
        );
        world
            .get(Order, path)
            .token("e30.e30.e30")
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    let token = world.customer(Uuid::now_v7());
    for (path, pointer) in [
        ("/order/7", "/id"),
        (
            "/order/00000000-0000-0000-0000-000000000000?as_of=1",
            "/as_of",
        ),
        ("/orders?limit=0", "/limit"),
        ("/orders?limit=201", "/limit"),
        ("/orders?user_id=7", "/user_id"),
        ("/orders?cursor=%00", "/cursor"),
    ] {
        world
            .get(Order, path)
            .token(&token)
            .await
            .points_at(pointer);
    }
    world
        .get(Order, "/orders?cursor=x")
        .token(&token)
        .await
        .problem(400, "bad-cursor");
}

#[tokio::test]
async fn pages_are_the_newest_first_without_hole_or_double_while_orders_are_placed() {
    let world = World::new().await;
    let (alice, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let placed = |user: Uuid| order_placed(Uuid::now_v7(), user, 1, 100);
    world
        .happened((0..24).map(|n| placed(if n % 2 == 0 { alice } else { bob })))
        .await;
    let token = world.customer(alice);

    let mut seen: Vec<i64> = Vec::new();
    let mut next = Some("/orders?limit=5".to_owned());
    while let Some(path) = next {
        let answer = world.get(Order, &path).token(&token).await;
        for order in answer.array() {
            assert_eq!(order["user_id"], alice.to_string());
            seen.push(order["id"].as_i64().expect("an id"));
        }
        next = answer.next();
        world.happened([placed(alice), placed(bob)]).await;
    }

    let expected: Vec<i64> = (1..=24).filter(|id| id % 2 == 1).rev().collect();
    assert_eq!(seen, expected);
}
