//! The operator's port, and everybody's own history.

use serde_json::{Value, json};
use service::Service::{Inventory, Operator, Order, Payment, Product, User};

use crate::customer::{ALWAYS, id};
use crate::house::House;

fn told(events: &Value) -> Vec<String> {
    let text = |event: &Value, field: &str| event[field].as_str().expect("text").to_owned();
    events
        .as_array()
        .expect("an array")
        .iter()
        .map(|event| {
            format!(
                "{} {}",
                text(event, "aggregate_type"),
                text(event, "event_type")
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_trail_tells_who_did_what_in_order_and_no_secret() {
    let house = House::open().await;
    let admin = house.admin("boss").await;
    let john = house.customer("john_doe").await;
    let product = john.product(2.5).await;
    john.stock(&product, 5).await;
    let order_id = john.ordered(&product, 2).await;
    let payment = john.pay(&order_id, ALWAYS).await.is(200).json();
    let john_id = id(&payment, "user_id");

    let all = admin.get(Operator, "/audit?limit=200").await.is(200);
    let events = all.json();
    let list = events.as_array().expect("an array");
    for (event, position) in list.iter().zip(1..) {
        assert_eq!(event["position"], position);
        for field in [
            "event_id",
            "aggregate_id",
            "recorded_at",
            "actor",
            "correlation_id",
        ] {
            assert!(event[field].is_string(), "{field} in {event}");
        }
        assert!(
            event["sequence"].as_i64().is_some_and(|s| s >= 1) && event["payload"].is_object(),
            "{event}"
        );
    }
    for secret in ["argon2", "password_hash", "secret_digest"] {
        assert!(!all.text.contains(secret), "{secret} is in the trail");
    }
    let times: Vec<_> = list
        .iter()
        .map(|event| event["recorded_at"].as_str().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");

    let of = async |query: String| {
        admin
            .get(Operator, &format!("/audit?{query}"))
            .await
            .is(200)
            .json()
    };
    assert_eq!(
        told(&of(format!("aggregate_id={order_id}")).await),
        ["order placed", "order payment-started", "order completed"]
    );
    let mine = of(format!("actor={john_id}")).await;
    assert!(told(&mine).contains(&"stock reserved".to_owned()), "{mine}");
    assert_eq!(
        told(&of("event_type=role-granted".into()).await),
        ["account role-granted"]
    );
    assert_eq!(
        of("aggregate_type=stock&after=1&limit=1".into())
            .await
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(of("from=2999-01-01T00:00:00Z".into()).await, json!([]));

    john.get(Operator, "/audit").await.problem(403, "forbidden");
    house
        .stranger()
        .get(Operator, "/audit")
        .await
        .problem(401, "unauthorized");
    admin.get(Operator, "/audit?from=yesterday").await.is(422);
    admin.get(Operator, "/audit?limit=201").await.is(422);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_see_the_history_of_what_is_theirs_and_an_admin_of_all() {
    let house = House::open().await;
    let admin = house.admin("boss").await;
    let john = house.customer("john_doe").await;
    let product = john.product(2.5).await;
    let stock = john.stock(&product, 5).await;
    let order_id = john.ordered(&product, 2).await;
    let payment = john.pay(&order_id, ALWAYS).await.is(200).json();
    assert_eq!(
        told(
            &john
                .get(Order, &format!("/order/{order_id}/history"))
                .await
                .is(200)
                .json()
        )
        .len(),
        3
    );
    let payment_id = id(&payment, "payment_id");
    assert_eq!(
        told(
            &john
                .get(Payment, &format!("/payment/{payment_id}/history"))
                .await
                .is(200)
                .json()
        ),
        ["payment attempted", "payment succeeded"]
    );
    assert!(
        told(&john.get(User, "/user/me/history").await.is(200).json())
            .contains(&"account registered".to_owned())
    );
    for (service, path) in [
        (Product, format!("/product/{product}/history")),
        (Inventory, format!("/inventory/{stock}/history")),
    ] {
        john.get(service, &path).await.problem(403, "forbidden");
        assert!(!told(&admin.get(service, &path).await.is(200).json()).is_empty());
    }
    // A deleted order answers in its history alone.
    let deleted = john.ordered(&product, 1).await;
    john.delete(Order, &format!("/order/{deleted}"))
        .await
        .is(204);
    assert_eq!(
        told(
            &john
                .get(Order, &format!("/order/{deleted}/history"))
                .await
                .is(200)
                .json()
        ),
        ["order placed", "order cancelled"]
    );
    let mary = house.customer("mary").await;
    mary.get(Order, &format!("/order/{order_id}/history"))
        .await
        .problem(404, "order-not-found");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sees_the_projections_and_how_far_they_are() {
    let house = House::open().await;
    let admin = house.admin("boss").await;
    let list = admin.get(Operator, "/projections").await.is(200).json();
    let names: Vec<_> = list
        .as_array()
        .expect("an array")
        .iter()
        .map(|p| p["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names,
        [
            "product",
            "inventory",
            "orders",
            "user",
            "payment",
            "notification"
        ]
    );
    house
        .stranger()
        .get(Operator, "/projections")
        .await
        .problem(401, "unauthorized");
    house
        .customer("john_doe")
        .await
        .get(Operator, "/projections")
        .await
        .problem(403, "forbidden");
    house.close().await;
}
