use std::sync::Arc;
use std::time::Duration;

use domain::card::DeclineCode;
use service::{Profile, Service};
use uuid::Uuid;

use crate::bench::{Bench, Reply, until};
use crate::gateway::{Mood, TestGateway};

const GOOD: &str = "4000000000000077";
const WISH: &str = r#"{"quantity":1,"shipping_address":"there"}"#;

/// A shop whose gateway the test holds, with an order of 2 units at 999.99.
async fn ordered(mood: Mood) -> (Bench, Arc<TestGateway>, String, String, String) {
    let gateway = Arc::new(TestGateway::that(mood));
    let mut bench = Bench::with(Profile::Dev, gateway.clone()).await;
    if !matches!(mood, Mood::Hangs) {
        bench = bench.patient();
    }
    let product = bench.product("999.99", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 2).await;
    (bench, gateway, token, product, order)
}

async fn change(bench: &Bench, token: &str, order: &str) -> Reply {
    bench
        .put(Service::Order, &format!("/order/{order}"))
        .bearer(token)
        .json(WISH)
        .await
}

#[tokio::test]
async fn paying_completes_the_order_and_takes_the_stock_in_one_append() {
    let (bench, gateway, token, product, order) = ordered(Mood::Approves).await;

    let paid = bench
        .pay(&token, &order, "4242424242424242")
        .await
        .expecting(200);

    assert_eq!(
        paid.fields()[..6],
        [
            "payment_id",
            "order_id",
            "user_id",
            "payment_status",
            "amount",
            "card"
        ]
    );
    assert!(paid.text.contains(
        r#""payment_status":"PAID","amount":1999.98,"card":{"brand":"visa","last4":"4242"}"#
    ));
    assert_eq!(paid.word("order_id"), order);
    let events = bench.events().await;
    assert_eq!(
        events[4..],
        [
            "order payment-started",
            "payment attempted",
            "payment succeeded",
            "order completed",
            "stock committed"
        ]
    );
    assert_eq!(bench.levels(&product).await, (8, 0, 2));

    let again = bench
        .pay(&token, &order, "5555555555554444")
        .await
        .expecting(200);
    assert_eq!(again.text, paid.text, "the same again");
    assert_eq!(gateway.asked(), 1, "charged once");
    let log = format!(
        "{:?}",
        bench
            .shop
            .store
            .log()
            .stored(0, 1000)
            .await
            .expect("the log can be read")
    );
    assert!(
        !log.contains("42424242") && !log.contains("cvv"),
        "the card is not in the log"
    );
}

#[tokio::test]
async fn a_declined_payment_leaves_the_order_payable() {
    let bench = Bench::new().await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 2).await;
    for (card, code) in [
        ("4000000000000002", "generic_decline"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
        ("4000000000000119", "processing_error"),
    ] {
        let declined = bench
            .pay(&token, &order, card)
            .await
            .refusing(402, "payment-declined");
        assert_eq!(
            (
                declined.word("decline_code"),
                declined.word("payment_status")
            ),
            (code.into(), "FAILED".into())
        );
        assert!(
            !declined.header("consistency-token").is_empty(),
            "the decline is in the log"
        );
    }
    let changed = change(&bench, &token, &order).await.expecting(200);
    assert_eq!(
        (changed.word("payment_status"), changed.word("order_status")),
        ("FAILED".into(), "IN_PROGRESS".into())
    );
    let events = bench.events().await;
    assert_eq!(events[6..8], ["payment declined", "order payment-failed"]);

    let paid = bench.pay(&token, &order, GOOD).await.expecting(200);
    assert_eq!(paid.json()["amount"], 10, "of the changed order");
    assert_eq!(bench.levels(&product).await, (9, 0, 1));
}

#[tokio::test]
async fn a_bad_card_is_told_by_its_field() {
    let (bench, gateway, token, _, order) = ordered(Mood::Approves).await;
    for (number, expiry, cvv, pointer) in [
        ("4242424242424241", "12/25", "123", "/card_number"),
        ("4242", "12/25", "123", "/card_number"),
        ("4242x", "12/25", "123", "/card_number"),
        ("", "12/25", "123", "/card_number"),
        ("4242424242424242", "13/25", "123", "/card_expiry"),
        ("4242424242424242", "1225", "123", "/card_expiry"),
        ("4242424242424242", "12/25", "12", "/card_cvv"),
        ("4242424242424242", "12/25", "1234", "/card_cvv"),
        ("378282246310005", "12/25", "123", "/card_cvv"),
        ("4111111111111111", "12/20", "123", "/card_expiry"),
    ] {
        let body = format!(
            r#"{{"order_id":"{order}","card_number":"{number}","card_expiry":"{expiry}","card_cvv":"{cvv}"}}"#
        );
        let refused = bench
            .put(Service::Payment, "/payment")
            .bearer(&token)
            .json(&body)
            .await
            .pointing_at(pointer);
        assert!(
            number.is_empty() || !refused.text.contains(number),
            "never echoed: {}",
            refused.text
        );
    }
    let body = format!(
        r#"{{"order_id":"{order}","card_number":4242424242424242,"card_expiry":"12/25","card_cvv":"123"}}"#
    );
    let refused = bench
        .put(Service::Payment, "/payment")
        .bearer(&token)
        .json(&body)
        .await
        .pointing_at("/card_number");
    assert!(
        !refused.text.contains("4242"),
        "never echoed: {}",
        refused.text
    );
    assert_eq!(gateway.asked(), 0);
}

#[tokio::test]
async fn only_the_customer_pays_what_there_is() {
    let (bench, gateway, _, _, order) = ordered(Mood::Approves).await;
    let mallory = bench.someone();
    bench
        .pay(&mallory, &order, GOOD)
        .await
        .refusing(404, "order-not-found");
    bench
        .pay(&mallory, &Uuid::now_v7().to_string(), GOOD)
        .await
        .refusing(404, "order-not-found");
    bench
        .pay(&mallory, "x", GOOD)
        .await
        .pointing_at("/order_id");
    bench
        .pay("nonsense", &order, GOOD)
        .await
        .refusing(401, "unauthorized");
    bench
        .put(Service::Payment, "/payment")
        .json("{}")
        .await
        .refusing(401, "unauthorized");
    bench
        .put(Service::Payment, "/payment")
        .bearer(&mallory)
        .json("{}")
        .await
        .pointing_at("/order_id");
    bench
        .put(Service::Payment, "/payment")
        .bearer(&mallory)
        .form("a=b")
        .await
        .refusing(415, "unsupported-media-type");
    assert_eq!(gateway.asked(), 0);
}

#[tokio::test]
async fn a_gateway_that_is_silent_or_broken_leaves_the_payment_pending_and_the_order_closed() {
    for mood in [Mood::Hangs, Mood::Fails] {
        let (bench, gateway, token, product, order) = ordered(mood).await;

        let pending = bench.pay(&token, &order, GOOD).await.expecting(202);
        assert_eq!(pending.word("payment_status"), "PENDING");
        assert_eq!(
            bench.events().await[4..],
            ["order payment-started", "payment attempted"]
        );

        change(&bench, &token, &order)
            .await
            .refusing(409, "payment-in-progress");
        let path = format!("/order/{order}");
        bench
            .delete(Service::Order, &path)
            .bearer(&token)
            .empty()
            .await
            .refusing(409, "payment-in-progress");
        let again = bench.pay(&token, &order, GOOD).await.expecting(202);
        assert_eq!(again.text, pending.text);
        assert_eq!(gateway.attempts(), 1, "one attempt at a time");
        assert_eq!(bench.levels(&product).await, (10, 2, 0));
    }
}

#[tokio::test]
async fn a_second_payment_waits_for_the_first_ones_outcome() {
    let (bench, gateway, token, product, order) =
        ordered(Mood::ApprovesAfter(Duration::from_millis(150))).await;
    let (first, second) = tokio::join!(
        bench.pay(&token, &order, GOOD),
        bench.pay(&token, &order, GOOD)
    );
    assert_eq!(first.expecting(200).text, second.expecting(200).text);
    assert_eq!(gateway.asked(), 1);
    assert_eq!(bench.levels(&product).await, (8, 0, 2));

    let slow = Mood::DeclinesAfter(Duration::from_millis(150), DeclineCode::ExpiredCard);
    let (bench, gateway, token, _, order) = ordered(slow).await;
    let (first, second) = tokio::join!(
        bench.pay(&token, &order, GOOD),
        bench.pay(&token, &order, GOOD)
    );
    assert_eq!(
        first.refusing(402, "payment-declined").text,
        second.refusing(402, "payment-declined").text
    );
    assert_eq!(gateway.asked(), 1, "the same card shares the outcome");
}

#[tokio::test]
async fn a_second_payment_with_another_card_takes_its_turn_after_a_decline() {
    let slow = Mood::DeclinesAfter(Duration::from_millis(100), DeclineCode::ExpiredCard);
    let (bench, gateway, token, _, order) = ordered(slow).await;
    let other = "5555555555554444";
    let (first, second) = tokio::join!(
        bench.pay(&token, &order, GOOD),
        bench.pay(&token, &order, other)
    );
    first.refusing(402, "payment-declined");
    second.refusing(402, "payment-declined");
    assert_eq!(gateway.attempts(), 2);
}

#[tokio::test]
async fn a_payment_goes_on_when_its_client_hangs_up() {
    let (bench, gateway, token, product, order) =
        ordered(Mood::ApprovesAfter(Duration::from_millis(200))).await;

    tokio::select! {
        reply = bench.pay(&token, &order, GOOD) => panic!("answered already: {reply:?}"),
        () = until(async || gateway.asked() == 1) => {} // and the request is dropped
    }

    until(async || {
        bench
            .events()
            .await
            .last()
            .is_some_and(|last| last == "stock committed")
    })
    .await;
    assert_eq!(bench.levels(&product).await, (8, 0, 2));
}
