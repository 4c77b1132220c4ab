use axum::http::{StatusCode, header};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use service::{CONSISTENCY_TOKEN, ConsistencyToken, Service};
use uuid::Uuid;

use crate::{
    told::{
        Told, order_cancelled, order_changed, order_completed, order_payment_failed,
        order_payment_started, order_placed, payment_attempted, payment_declined,
        payment_succeeded, product_changed, product_created, product_deleted, products,
        stock_committed, stock_opened, stock_reserved, stock_retired,
    },
    world::{Answer, World},
};

/// One thing, and who asks for it.
struct Thing {
    service: Service,
    path: String,
    token: String,
    aggregate_type: &'static str,
}

impl Thing {
    async fn ask(&self, world: &World, query: &str) -> Answer {
        let path = format!("{}{query}", self.path);
        world.get(self.service, &path).token(&self.token).await
    }
}

fn told(answer: &Answer) -> (StatusCode, String, String) {
    let body = if answer.status == StatusCode::OK {
        answer.text.clone()
    } else {
        answer.json()["type"].to_string()
    };
    (answer.status, answer.header(header::ETAG).to_owned(), body)
}

async fn recorded_at(world: &World, position: i64) -> String {
    let time: DateTime<Utc> =
        sqlx::query_scalar("select recorded_at from events where position = $1")
            .bind(position)
            .fetch_one(world.reader.log.pool())
            .await
            .expect("a time");
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// After each event the live answer is kept; in the end every one of them is had again.
async fn every_moment_comes_back(world: &World, thing: &Thing, events: Vec<Told>) {
    let mut moments = Vec::new();
    for event in events {
        let own = event.aggregate_type == thing.aggregate_type
            && thing.path.ends_with(&event.aggregate_id.to_string());
        let version = own.then_some(event.sequence);
        let position = world.happened([event]).await;
        let live = told(&thing.ask(world, "").await);
        moments.push((version, recorded_at(world, position).await, live));
    }
    for (version, time, live) in &moments {
        let then = told(&thing.ask(world, &format!("?at={time}")).await);
        assert_eq!(then, *live, "{} at {time}", thing.path);
        if let Some(version) = version {
            let then = told(&thing.ask(world, &format!("?at={version}")).await);
            assert_eq!(then, *live, "version {version} of {}", thing.path);
        }
    }
    let last = moments.last().expect("something happened");
    let later = told(&thing.ask(world, "?at=2999-01-01T00:00:00Z").await);
    assert_eq!(later, last.2);
    for before in ["2020-01-01T00:00:00Z", "0001-01-01T00:00:00%2B01:00"] {
        let answer = thing.ask(world, &format!("?at={before}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
    let versions = moments
        .iter()
        .filter(|(version, ..)| version.is_some())
        .count();
    for beyond in [
        (versions + 1).to_string(),
        "99999999999999999999".to_owned(),
    ] {
        let answer = thing.ask(world, &format!("?at={beyond}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
}

#[tokio::test]
async fn an_order_is_told_as_it_was_at_every_moment() {
    let world = World::new().await;
    let [id, alice, payment, first, second] = std::array::from_fn(|_| Uuid::now_v7());
    let thing = Thing {
        service: Service::Order,
        path: format!("/order/{id}"),
        token: world.customer(alice),
        aggregate_type: "order",
    };
    world.happened(products(&["a", "b"])).await;
    let events = vec![
        order_placed(id, alice, 2, 10),
        order_changed(id, 2, 3, "Ring"),
        order_payment_started(id, 3, payment, first),
        order_payment_failed(id, 4, first),
        order_payment_started(id, 5, payment, second),
        order_completed(id, 6, payment, second),
    ];
    every_moment_comes_back(&world, &thing, events).await;
}

#[tokio::test]
async fn a_deleted_order_is_still_told_as_it_was() {
    let world = World::new().await;
    let [id, alice] = std::array::from_fn(|_| Uuid::now_v7());
    let thing = Thing {
        service: Service::Order,
        path: format!("/order/{id}"),
        token: world.customer(alice),
        aggregate_type: "order",
    };
    let events = vec![
        order_placed(id, alice, 2, 10),
        order_changed(id, 2, 3, "Ring"),
        order_cancelled(id, 3),
    ];
    every_moment_comes_back(&world, &thing, events).await;
    thing.ask(&world, "?at=2").await.ok();
    thing
        .ask(&world, "?at=3")
        .await
        .problem(404, "order-not-found");
}

#[tokio::test]
async fn a_product_is_told_with_the_stock_of_that_moment() {
    let world = World::new().await;
    let [id, order, other] = std::array::from_fn(|_| Uuid::now_v7());
    let stock = event_store::stock_of(id);
    let thing = Thing {
        service: Service::Product,
        path: format!("/product/{id}"),
        token: world.admin(),
        aggregate_type: "product",
    };
    let events = vec![
        product_created(id, "Laptop", "light", 99_999),
        stock_opened(stock, id, 2),
        product_changed(id, 2, "Lap", 115, true),
        stock_reserved(stock, 2, order, 2),
        product_changed(id, 3, "Lap", 116, true),
        stock_committed(stock, 3, order, 2),
        product_created(other, "Other", "", 1),
        product_deleted(id, 4),
        stock_retired(stock, 4),
    ];
    every_moment_comes_back(&world, &thing, events).await;
    let (in_stock, sold_out) = (
        thing.ask(&world, "?at=2").await,
        thing.ask(&world, "?at=3").await,
    );
    assert_eq!(in_stock.header(header::ETAG), "\"2-in\"");
    assert_eq!(sold_out.header(header::ETAG), "\"3-out\"");
}

#[tokio::test]
async fn a_stock_record_and_a_payment_are_told_as_they_were_at_every_moment() {
    let world = World::new().await;
    let [id, order, alice, payment, attempt] = std::array::from_fn(|_| Uuid::now_v7());
    let stock = event_store::stock_of(id);
    let record = Thing {
        service: Service::Inventory,
        path: format!("/inventory/{stock}"),
        token: world.admin(),
        aggregate_type: "stock",
    };
    let events = vec![
        stock_opened(stock, id, 5),
        stock_reserved(stock, 2, order, 2),
        stock_committed(stock, 3, order, 2),
        stock_retired(stock, 4),
    ];
    every_moment_comes_back(&world, &record, events).await;
    let paid = Thing {
        service: Service::Payment,
        path: format!("/payment/{payment}"),
        token: world.customer(alice),
        aggregate_type: "payment",
    };
    let events = vec![
        payment_attempted(payment, 1, alice, attempt, 4_999),
        payment_declined(payment, 2, attempt),
        payment_attempted(payment, 3, alice, attempt, 4_999),
        payment_succeeded(payment, 4, attempt),
    ];
    every_moment_comes_back(&world, &paid, events).await;
}

#[tokio::test]
async fn the_past_of_another_user_is_as_closed_as_the_present() {
    let world = World::new().await;
    let [order, payment, alice, mallory] = std::array::from_fn(|_| Uuid::now_v7());
    world
        .happened([
            order_placed(order, alice, 1, 100),
            payment_attempted(payment, 1, alice, Uuid::nil(), 100),
        ])
        .await;
    for (service, path, slug) in [
        (
            Service::Order,
            format!("/order/{order}?at=1"),
            "order-not-found",
        ),
        (
            Service::Payment,
            format!("/payment/{payment}?at=1"),
            "payment-not-found",
        ),
    ] {
        let token = world.customer(mallory);
        world
            .get(service, &path)
            .token(&token)
            .await
            .problem(404, slug);
        world
            .get(service, &path)
            .plain()
            .await
            .problem(401, "unauthorized");
        world
            .get(service, &path)
            .token(&world.customer(alice))
            .await
            .ok();
    }
}

#[tokio::test]
async fn what_is_no_moment_is_a_422_that_points_at_it() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    for (service, path) in [
        (Service::Product, "product"),
        (Service::Inventory, "inventory"),
        (Service::Order, "order"),
        (Service::Payment, "payment"),
    ] {
        for at in [
            "",
            "0",
            "-1",
            "%2B1",
            "1.5",
            "yesterday",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "%00",
        ] {
            let path = format!("/{path}/{id}?at={at}");
            world
                .get(service, &path)
                .token(&world.admin())
                .await
                .points_at("/at");
        }
        let path = format!("/{path}/{id}?At=1");
        world
            .get(service, &path)
            .token(&world.admin())
            .await
            .points_at("/At");
    }
}

#[tokio::test]
async fn a_copy_of_that_version_is_not_sent_again_and_a_shorter_log_says_so() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    world
        .logged([
            product_created(id, "a", "", 1),
            product_changed(id, 2, "b", 1, true),
        ])
        .await;
    let path = format!("/product/{id}?at=1");
    let seen = world
        .get(Service::Product, &path)
        .header(header::IF_NONE_MATCH, "\"1-out\"")
        .plain()
        .await;
    assert_eq!(seen.status, StatusCode::NOT_MODIFIED);
    let token = ConsistencyToken::at(3).to_string();
    world
        .get(Service::Product, &path)
        .header(CONSISTENCY_TOKEN, &token)
        .plain()
        .await
        .problem(503, "unavailable");
}

#[tokio::test]
async fn a_long_stream_is_folded_to_its_end() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    let mut events = vec![product_created(id, "a", "", 1)];
    events.extend(
        (2..=2_500).map(|sequence| product_changed(id, sequence, &format!("{sequence}"), 1, true)),
    );
    world.logged(events).await;
    for version in [1_000, 1_001, 2_000, 2_500] {
        let path = format!("/product/{id}?at={version}");
        let then: Value = world.get(Service::Product, &path).plain().await.ok();
        assert_eq!(then["name"], json!(version.to_string()));
    }
}
