//! What a process that died, or a gateway that was silent, left open.

use std::sync::Arc;
use std::time::Duration;

use domain::card::DeclineCode;
use service::{Profile, Service};
use tokio_util::sync::CancellationToken;
use write_api::reactions;

use crate::bench::{Bench, until};
use crate::gateway::{Mood, TestGateway};

const GOOD: &str = "4000000000000077";
/// The trace that the customer's payment is part of.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An attempt that a process recorded and then died; what remains are the log and the gateway.
async fn left_open() -> (Bench, Arc<TestGateway>, String, String, String) {
    let gateway = Arc::new(TestGateway::that(Mood::Hangs));
    let bench = Bench::with(Profile::Dev, gateway.clone()).await;
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 2).await;
    let body = format!(
        r#"{{"order_id":"{order}","card_number":"{GOOD}","card_expiry":"12/25","card_cvv":"123"}}"#
    );
    bench
        .put(Service::Payment, "/payment")
        .bearer(&token)
        .header("traceparent", TRACE)
        .json(&body)
        .await
        .expecting(202);
    let database = Arc::clone(&bench.database);
    drop(bench);
    (
        Bench::on(database, Profile::Dev, gateway.clone()).await,
        gateway,
        token,
        product,
        order,
    )
}

async fn until_the_log_ends_with(bench: &Bench, event: &str) {
    until(async || {
        bench
            .events()
            .await
            .last()
            .is_some_and(|last| last == event)
    })
    .await;
}

async fn checkpoint(bench: &Bench) -> Option<i64> {
    sqlx::query_scalar("select position from reaction where name = 'settle-payments'")
        .fetch_optional(bench.shop.store.log().pool())
        .await
        .expect("the table is there")
}

#[tokio::test]
async fn the_next_start_settles_what_a_crash_left_open() {
    let (bench, gateway, token, product, order) = left_open().await;
    gateway.now(Mood::Approves);
    let shutdown = CancellationToken::new();

    let running = reactions(&bench.shop, &shutdown);

    until_the_log_ends_with(&bench, "stock committed").await;
    assert_eq!(
        gateway.attempts(),
        1,
        "the same attempt was asked about again"
    );
    assert_eq!(
        bench.events().await[6..],
        ["payment succeeded", "order completed", "stock committed"]
    );
    let stored = bench
        .shop
        .store
        .log()
        .stored(8, 1)
        .await
        .expect("the log can be read");
    assert_eq!(stored[0].metadata["actor"], "system");
    let attempt = bench
        .shop
        .store
        .log()
        .stored(5, 1)
        .await
        .expect("the log can be read")
        .remove(0);
    assert_eq!(
        stored[0].metadata["correlation_id"],
        attempt.metadata["correlation_id"]
    );
    assert_eq!(
        stored[0].metadata["causation_id"],
        attempt.event_id.to_string()
    );
    let trace = stored[0].metadata["traceparent"].as_str();
    assert!(
        trace.is_some_and(|trace| trace.starts_with(&TRACE[..36]) && trace != TRACE),
        "the attempt's own span of the customer's trace: {trace:?}"
    );
    bench.pay(&token, &order, GOOD).await.expecting(200);
    assert_eq!(bench.levels(&product).await, (8, 0, 2));

    shutdown.cancel();
    running.join_all().await;
    assert!(
        checkpoint(&bench).await >= Some(9),
        "nothing is open behind the checkpoint"
    );
}

#[tokio::test]
async fn a_decline_is_settled_too() {
    let (bench, gateway, token, product, order) = left_open().await;
    gateway.now(Mood::Declines(DeclineCode::InsufficientFunds));
    let _running = reactions(&bench.shop, &CancellationToken::new());

    until_the_log_ends_with(&bench, "order payment-failed").await;

    gateway.now(Mood::Approves);
    bench.pay(&token, &order, GOOD).await.expecting(200);
    assert_eq!(gateway.attempts(), 2);
    assert_eq!(bench.levels(&product).await, (8, 0, 2));
}

#[tokio::test]
async fn an_attempt_is_asked_about_until_the_gateway_answers_and_across_starts() {
    let (bench, gateway, token, _, order) = left_open().await;
    gateway.now(Mood::Fails);
    let shutdown = CancellationToken::new();
    let running = reactions(&bench.shop, &shutdown);
    until(async || gateway.asked() >= 3).await;
    let product = bench.product("1", 1).await; // the log goes on
    shutdown.cancel();
    running.join_all().await;
    assert_eq!(
        checkpoint(&bench).await,
        Some(5),
        "just before the open attempt"
    );

    gateway.now(Mood::Approves);
    let _running = reactions(&bench.shop, &CancellationToken::new());
    until_the_log_ends_with(&bench, "stock committed").await;
    bench.pay(&token, &order, GOOD).await.expecting(200);
    assert_eq!(gateway.attempts(), 1);
    assert_eq!(bench.levels(&product).await, (1, 0, 0));
}

#[tokio::test]
async fn a_payment_that_times_out_is_settled_while_the_shop_runs() {
    let gateway = Arc::new(TestGateway::that(Mood::Hangs));
    let bench = Bench::with(Profile::Dev, gateway.clone()).await;
    let _running = reactions(&bench.shop, &CancellationToken::new());
    let product = bench.product("10", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 2).await;
    bench.pay(&token, &order, GOOD).await.expecting(202);

    gateway.now(Mood::Approves);

    until_the_log_ends_with(&bench, "stock committed").await;
    bench.pay(&token, &order, GOOD).await.expecting(200);
    assert_eq!(gateway.attempts(), 1);
    assert_eq!(bench.levels(&product).await, (8, 0, 2));
}

#[tokio::test]
async fn two_processes_settle_an_attempt_once() {
    let (bench, gateway, _, product, _) = left_open().await;
    let other = Bench::on(Arc::clone(&bench.database), Profile::Dev, gateway.clone()).await;
    gateway.now(Mood::ApprovesAfter(Duration::from_millis(50)));
    let shutdown = CancellationToken::new();
    let (one, two) = (
        reactions(&bench.shop, &shutdown),
        reactions(&other.shop, &shutdown),
    );

    until_the_log_ends_with(&bench, "stock committed").await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    shutdown.cancel();
    one.join_all().await;
    two.join_all().await;
    let events = bench.events().await;
    assert_eq!(
        events
            .iter()
            .filter(|event| *event == "stock committed")
            .count(),
        1
    );
    assert_eq!(bench.levels(&product).await, (8, 0, 2));
}
