//! Port 8004: one mail each, kept and shown.

use std::time::Duration;

use serde_json::{Value, json};
use service::Service::Notification;

use crate::customer::{ALWAYS, Customer};
use crate::house::House;

async fn mails(who: &Customer<'_>) -> Vec<Value> {
    who.get(Notification, "/notifications")
        .await
        .is(200)
        .json()
        .as_array()
        .expect("an array")
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registration_order_and_payment_each_queue_one_mail() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    john.stock(&product, 5).await;
    let order_id = john.ordered(&product, 1).await;
    john.pay(&order_id, ALWAYS).await.is(200);
    john.pay(&order_id, ALWAYS).await.is(200);
    let queued = mails(&john).await;
    let mut subjects: Vec<_> = queued
        .iter()
        .map(|mail| mail["subject"].as_str().expect("a subject"))
        .collect();
    subjects.reverse();
    assert_eq!(
        subjects,
        [
            "Welcome to Online Mart",
            "Order confirmation",
            "Payment confirmation"
        ]
    );
    for mail in &queued {
        assert_eq!(
            mail["recipient"],
            "john@example.com".replace("john@", "john_doe@")
        );
        assert_eq!(
            (&mail["status"], &mail["attempts"]),
            (&json!("QUEUED"), &json!(0))
        );
        assert!(
            mail["notification_id"].is_string()
                && mail["kind"].is_string()
                && mail["queued_at"].is_string(),
            "{mail}"
        );
        assert!(mail["sent_at"].is_null());
    }
    let mary = house.customer("mary").await;
    assert_eq!(mails(&mary).await.len(), 1, "others' mails are not hers");
    let admin = house.admin("boss").await;
    assert_eq!(mails(&admin).await.len(), 5, "an admin sees all");
    house
        .stranger()
        .get(Notification, "/notifications")
        .await
        .problem(401, "unauthorized");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_that_answers_mails_are_tried_again_and_nothing_else_suffers() {
    // A port that nothing listens on: bound and let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port();
    let house = House::open_with(&[&format!("--smtp-url=smtp://127.0.0.1:{port}")]).await;
    let john = house.customer("john_doe").await;
    let mut tried = json!(0);
    for _ in 0..100 {
        tried = mails(&john).await[0]["attempts"].clone();
        if tried != json!(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(tried, json!(0));
    assert_eq!(mails(&john).await[0]["status"], "QUEUED");
    house.close().await;
}
