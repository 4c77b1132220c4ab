//! A log in which stock and money do not come out even.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::recorded::{Entry, created, opened};
use crate::shop::Shop;

const LAMP: Uuid = Uuid::from_u128(0xffff_0001);
const LAMPS: Uuid = Uuid::from_u128(0xffff_0002);
const ORDER: Uuid = Uuid::from_u128(0xffff_0003);
const PAYMENT: Uuid = Uuid::from_u128(0xffff_0004);
const ANNE: Uuid = Uuid::from_u128(0xffff_0005);
const ATTEMPT: Uuid = Uuid::from_u128(0xffff_0006);

fn stock(sequence: i64, name: &str, quantity: i64) -> Entry {
    let event = json!({name: {"order_id": ORDER, "quantity": quantity}});
    ("stock", LAMPS, sequence, event)
}

fn order(sequence: i64, event: Value) -> Entry {
    ("order", ORDER, sequence, event)
}

fn payment(sequence: i64, event: Value) -> Entry {
    ("payment", PAYMENT, sequence, event)
}

fn placed() -> Entry {
    let price = json!({"minor": 1_999, "currency": "USD"});
    let placed = json!({
        "product_id": LAMP, "user_id": ANNE, "quantity": 2, "shipping_address": "1 High Street",
        "customer_notes": null, "unit_price": price, "at": "2026-01-02T03:04:05Z",
    });
    order(1, json!({"placed": placed}))
}

fn paid(minor: i64) -> [Entry; 2] {
    let attempted = json!({
        "order_id": ORDER, "user_id": ANNE, "attempt_id": ATTEMPT, "amount": {"minor": minor, "currency": "USD"},
        "card": {"brand": "visa", "last4": "4242"},
    });
    [
        payment(1, json!({"attempted": attempted})),
        payment(2, json!({"succeeded": {"attempt_id": ATTEMPT}})),
    ]
}

fn completed() -> [Entry; 2] {
    let ids = json!({"payment_id": PAYMENT, "attempt_id": ATTEMPT});
    [
        order(2, json!({"payment-started": ids})),
        order(3, json!({"completed": ids})),
    ]
}

/// What is told after a history in which all comes out even, and these.
async fn told(entries: Vec<Entry>) -> Vec<String> {
    let shop = Shop::with(300).await;
    let mut all = vec![created(LAMP), opened(LAMPS, LAMP, 10)];
    all.extend(entries);
    shop.recorded.append(&all).await;
    shop.is_shown().await;
    let [lamps, order, payment] = [LAMPS, ORDER, PAYMENT];
    let mut told = shop.told(None).await;
    for (name, id) in [("LAMPS", lamps), ("ORDER", order), ("PAYMENT", payment)] {
        let last: Option<i64> =
            sqlx::query_scalar("select max(position) from events where aggregate_id = $1")
                .bind(id.to_string())
                .fetch_one(&shop.recorded.pool)
                .await
                .expect("a position");
        let Some(last) = last else { continue };
        for line in &mut told {
            *line = line.replace(&format!("position {last})"), &format!("last of {name})"));
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_reserved_and_paid_as_it_must_be_comes_out_even() {
    let mut entries = vec![placed(), stock(2, "reserved", 2)];
    entries.extend(paid(3_998));
    entries.extend(completed());
    entries.push(stock(3, "committed", 2));
    assert_eq!(told(entries).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_no_order_holds_are_found() {
    let told = told(vec![placed(), stock(2, "reserved", 3)]).await;
    assert_eq!(
        told,
        [format!(
            "sums: product {LAMP}: its stock record has 3 units reserved, its orders hold 2 (last event at last of LAMPS)"
        )]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_were_paid_for_and_not_taken_off_the_shelf_are_found() {
    let mut entries = vec![placed(), stock(2, "reserved", 2)];
    entries.extend(paid(3_998));
    entries.extend(completed());
    let told = told(entries).await;
    assert_eq!(
        told,
        [
            format!(
                "sums: product {LAMP}: its stock record has 2 units reserved, its orders hold 0 (last event at last of \
                 LAMPS)"
            ),
            format!(
                "sums: product {LAMP}: its stock record has 0 units sold, its orders have paid for 2 (last event at last \
                 of LAMPS)"
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_another_amount_is_found_and_so_are_the_totals() {
    let mut entries = vec![placed(), stock(2, "reserved", 2)];
    entries.extend(paid(3_999));
    entries.extend(completed());
    entries.push(stock(3, "committed", 2));
    let told = told(entries).await;
    assert_eq!(
        told[0],
        format!(
            "sums: order {ORDER}: it comes to 39.98 USD, payment {PAYMENT} is of 39.99 USD (last event at last of ORDER)"
        )
    );
    assert!(
        told[1].starts_with("sums: all money in USD: orders that are paid come to "),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_without_a_payment_and_a_payment_without_a_paid_order_are_found() {
    let mut entries = vec![placed(), stock(2, "reserved", 2)];
    entries.extend(completed());
    entries.push(stock(3, "committed", 2));
    let without = told(entries).await;
    assert!(
        without[0].starts_with(&format!(
            "sums: order {ORDER}: it is paid, 39.98 USD, but there is no payment (last event at last of ORDER)"
        )),
        "{without:?}"
    );
    let mut entries = vec![placed(), stock(2, "reserved", 2)];
    entries.extend(paid(3_998));
    let without = told(entries).await;
    assert!(
        without[0].starts_with(&format!(
            "sums: payment {PAYMENT}: it is of 39.98 USD, but {ORDER} is not a paid order (last event at last of PAYMENT)"
        )),
        "{without:?}"
    );
}
