use axum::http::{StatusCode, header};
use serde_json::json;
use service::Service::Payment;
use uuid::Uuid;

use crate::{
    told::{payment_attempted, payment_declined, payment_succeeded},
    world::World,
};

#[tokio::test]
async fn a_payment_answers_with_what_was_promised_and_its_version() {
    let world = World::new().await;
    let (id, alice, attempt) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([
            payment_attempted(id, 1, alice, attempt, 199_998),
            payment_succeeded(id, 2, attempt),
        ])
        .await;
    let token = world.customer(alice);
    let path = format!("/payment/{id}");

    let answer = world.get(Payment, &path).token(&token).await;

    assert_eq!(answer.header(header::ETAG), "\"2\"");
    assert!(
        answer.text.contains(r#""amount":1999.98,"#),
        "{}",
        answer.text
    );
    let payment = answer.ok();
    for (field, value) in [
        ("payment_id", json!(id)),
        ("order_id", json!(Uuid::nil())),
        ("user_id", json!(alice)),
        ("payment_status", json!("PAID")),
        ("card", json!({"brand": "visa", "last4": "4242"})),
        ("decline_code", json!(null)),
    ] {
        assert_eq!(payment[field], value, "{field}");
    }
    assert_eq!(
        world.get(Payment, "/payments").token(&token).await.array(),
        [payment]
    );
    let again = world
        .get(Payment, &path)
        .header(header::IF_NONE_MATCH, "\"2\"")
        .token(&token)
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_payment_is_pending_until_the_gateway_has_answered_and_failed_when_it_declined() {
    let world = World::new().await;
    let (id, alice, attempt) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let token = world.customer(alice);
    let path = format!("/payment/{id}");
    world
        .happened([payment_attempted(id, 1, alice, attempt, 100)])
        .await;
    assert_eq!(
        world.get(Payment, &path).token(&token).await.ok()["payment_status"],
        "PENDING"
    );

    world.happened([payment_declined(id, 2, attempt)]).await;
    let failed = world.get(Payment, &path).token(&token).await.ok();
    assert_eq!(failed["payment_status"], "FAILED");
    assert_eq!(failed["decline_code"], "insufficient_funds");
}

#[tokio::test]
async fn a_payment_of_another_user_answers_as_an_unknown_one() {
    let world = World::new().await;
    let (id, alice, mallory) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([payment_attempted(id, 1, alice, Uuid::now_v7(), 100)])
        .await;
    let token = world.customer(mallory);
    for id in [id, Uuid::now_v7()] {
        let answer = world
            .get(Payment, &format!("/payment/{id}"))
            .token(&token)
            .await;
        answer.problem(404, "payment-not-found");
    }
    assert_eq!(
        world.get(Payment, "/payments").token(&token).await.text,
        "[]"
    );
}

#[tokio::test]
async fn without_a_good_token_nobody_sees_payments() {
    let world = World::new().await;
    for path in ["/payments", "/payment/00000000-0000-0000-0000-000000000000"] {
        world
            .get(Payment, path)
            .plain()
            .await
            .problem(401, "unauthorized");
        world
            .get(Payment, path)
            .token("x")
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    let token = world.customer(Uuid::now_v7());
    for (path, pointer) in [
        ("/payment/7", "/id"),
        (
            "/payment/00000000-0000-0000-0000-000000000000?as_of=1",
            "/as_of",
        ),
        ("/payments?limit=201", "/limit"),
        ("/payments?status=PAID", "/status"),
    ] {
        world
            .get(Payment, path)
            .token(&token)
            .await
            .points_at(pointer);
    }
    world
        .get(Payment, "/payments?cursor=x")
        .token(&token)
        .await
        .problem(400, "bad-cursor");
}

#[tokio::test]
async fn pages_are_the_newest_first() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world
        .happened((0..5).map(|_| payment_attempted(Uuid::now_v7(), 1, alice, Uuid::now_v7(), 100)))
        .await;
    let pages = world
        .pages(Payment, "/payments?limit=2", Some(&world.customer(alice)))
        .await;
    let ids: Vec<_> = pages
        .concat()
        .iter()
        .map(|payment| payment["id"].clone())
        .collect();
    assert_eq!(ids, [5, 4, 3, 2, 1]);
    assert_eq!(pages.len(), 3);
}
