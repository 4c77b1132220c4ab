use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use service::Service::Operator;
use uuid::Uuid;

use crate::{
    told::{
        DIGEST, HASH, REQUEST, order_changed, order_placed, product_changed, product_created,
        registered, rehashed, session_refreshed, session_started,
    },
    world::World,
};

async fn positions(world: &World, query: &str) -> Vec<i64> {
    let answer = world
        .get(Operator, &format!("/audit{query}"))
        .token(&world.admin())
        .await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let position = |event: &Value| event["position"].as_i64().expect("a position");
    answer.array().iter().map(position).collect()
}

#[tokio::test]
async fn an_event_is_shown_as_it_stands_in_the_log() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    let before = Utc::now();
    world
        .logged([order_placed(id, alice, 2, 99_999).because_of("basket-7")])
        .await;

    let events = world
        .get(Operator, "/audit")
        .token(&world.admin())
        .await
        .array();

    let mut event = events[0].clone();
    let recorded_at: DateTime<Utc> = event["recorded_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("RFC 3339");
    assert!((recorded_at - before).abs() < Duration::seconds(30));
    event["recorded_at"].take();
    let event_id = event["event_id"].take();
    assert!(
        event_id
            .as_str()
            .is_some_and(|id| id.parse::<Uuid>().is_ok())
    );
    let payload = json!({"placed": {"product_id": Uuid::nil(), "user_id": alice, "quantity": 2,
        "unit_price": {"minor": 99_999, "currency": "USD"}, "shipping_address": "123 Main St",
        "customer_notes": null, "at": "2026-01-02T03:04:05.678901Z"}});
    let expected = json!({"position": 1, "event_id": null, "aggregate_type": "order", "aggregate_id": id,
        "sequence": 1, "event_type": "placed", "recorded_at": null, "actor": alice, "correlation_id": REQUEST,
        "causation_id": "basket-7", "payload": payload});
    assert_eq!(event, expected);
}

#[tokio::test]
async fn secrets_stay_in_the_store() {
    let world = World::new().await;
    let (alice, session) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            registered(alice, "alice"),
            rehashed(alice, 2),
            session_started(session, alice),
            session_refreshed(session, 2),
        ])
        .await;

    let answer = world.get(Operator, "/audit").token(&world.admin()).await;

    for secret in [HASH, DIGEST, "password_hash", "secret_digest", "argon2"] {
        assert!(
            !answer.text.contains(secret),
            "{secret} is in {}",
            answer.text
        );
    }
    let events = answer.array();
    let registered = json!({"registered": {"username": "alice", "email": "alice@example.com"}});
    assert_eq!(events[0]["payload"], registered);
    assert_eq!(events[1]["payload"], json!({"password-rehashed": {}}));
    assert_eq!(events[2]["payload"]["started"]["user_id"], json!(alice));
}

#[tokio::test]
async fn every_filter_narrows_and_all_must_hold() {
    let world = World::new().await;
    let (alice, product, order) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            registered(alice, "alice"),
            product_created(product, "Laptop", "", 100).by("system"),
            order_placed(order, alice, 1, 100),
            rehashed(alice, 2),
        ])
        .await;

    assert_eq!(positions(&world, "").await, [1, 2, 3, 4]);
    assert_eq!(positions(&world, "?aggregate_type=account").await, [1, 4]);
    assert_eq!(
        positions(&world, &format!("?aggregate_id={order}")).await,
        [3]
    );
    let upper = alice.to_string().to_uppercase();
    assert_eq!(
        positions(&world, &format!("?aggregate_id={upper}")).await,
        [1, 4]
    );
    assert_eq!(positions(&world, "?event_type=created").await, [2]);
    assert_eq!(positions(&world, "?actor=anonymous").await, [1, 4]);
    assert_eq!(positions(&world, "?actor=system").await, [2]);
    assert_eq!(
        positions(&world, "?actor=anonymous&event_type=registered").await,
        [1]
    );
    assert_eq!(
        positions(&world, &format!("?actor={alice}&aggregate_type=account")).await,
        [0; 0]
    );
    assert_eq!(positions(&world, &format!("?actor={alice}")).await, [3]);
    assert_eq!(
        positions(&world, "?aggregate_type=account&event_type=registered").await,
        [1]
    );
    assert_eq!(
        positions(&world, "?aggregate_type=account&event_type=created").await,
        [0; 0]
    );
    assert_eq!(positions(&world, "?aggregate_type=cart").await, [0; 0]);
    assert_eq!(positions(&world, "?after=2").await, [3, 4]);
    assert_eq!(
        positions(&world, "?after=18446744073709551615").await,
        [0; 0]
    );
    assert_eq!(positions(&world, "?after=1&limit=2").await, [2, 3]);
}

#[tokio::test]
async fn one_request_is_found_by_its_name() {
    let world = World::new().await;
    let (alice, product) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            product_created(product, "Laptop", "", 100).asked_by("=1+1"),
            registered(alice, "alice"),
            rehashed(alice, 2).asked_by("=1+1"),
        ])
        .await;
    assert_eq!(positions(&world, "?correlation_id=%3D1%2B1").await, [1, 3]);
    assert_eq!(
        positions(&world, "?correlation_id=%3D1%2B1&aggregate_type=account").await,
        [3]
    );
    assert_eq!(positions(&world, "?correlation_id=request").await, [0; 0]);
}

#[tokio::test]
async fn what_an_event_leaves_unsaid_is_said_for_it() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    let untold = product_created(Uuid::now_v7(), "Laptop", "", 100).without_metadata();
    world
        .logged([order_placed(id, alice, 1, 100), untold])
        .await;

    let answer = world.get(Operator, "/audit").token(&world.admin()).await;

    let events = answer.array();
    assert_eq!(events[0]["causation_id"], REQUEST);
    assert_eq!(events[1]["actor"], "system");
    assert_eq!(events[1]["correlation_id"], "");
    assert_eq!(positions(&world, "?actor=system").await, [2]);
}

#[tokio::test]
async fn the_same_id_in_several_contexts_is_shown_in_log_order() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            order_placed(id, alice, 1, 100),
            product_created(id, "Laptop", "", 100),
            order_changed(id, 2, 2, "Ring"),
            product_changed(id, 2, "Laptop", 100, true),
            registered(alice, "alice"),
        ])
        .await;
    let all = format!("?aggregate_id={id}");
    assert_eq!(positions(&world, &all).await, [1, 2, 3, 4]);
    assert_eq!(
        positions(&world, &format!("{all}&after=1&limit=2")).await,
        [2, 3]
    );
    assert_eq!(
        positions(&world, &format!("{all}&event_type=changed")).await,
        [3, 4]
    );
    assert_eq!(positions(&world, "?event_type=changed&after=3").await, [4]);
    assert_eq!(
        positions(&world, "?aggregate_type=order&limit=1&after=1").await,
        [3]
    );
}

#[tokio::test]
async fn a_time_range_holds_both_its_ends() {
    let world = World::new().await;
    let mut times = Vec::new();
    for _ in 0..3 {
        world
            .logged([product_created(Uuid::now_v7(), "a", "", 1)])
            .await;
    }
    for event in world
        .get(Operator, "/audit")
        .token(&world.admin())
        .await
        .array()
    {
        times.push(event["recorded_at"].as_str().expect("a time").to_owned());
    }
    let second = &times[1];
    assert!(times.is_sorted());
    assert_eq!(positions(&world, &format!("?from={second}")).await, [2, 3]);
    assert_eq!(positions(&world, &format!("?to={second}")).await, [1, 2]);
    assert_eq!(
        positions(&world, &format!("?from={second}&to={second}")).await,
        [2]
    );
    let elsewhere = second
        .parse::<DateTime<Utc>>()
        .expect("RFC 3339")
        .with_timezone(&chrono::FixedOffset::east_opt(2 * 3600).expect("an offset"));
    let elsewhere = elsewhere
        .to_rfc3339_opts(SecondsFormat::Micros, false)
        .replace('+', "%2B");
    assert_eq!(
        positions(&world, &format!("?from={elsewhere}")).await,
        [2, 3]
    );
    assert_eq!(
        positions(&world, "?from=0001-01-01T00:00:00Z").await,
        [1, 2, 3]
    );
    assert_eq!(positions(&world, "?to=0001-01-01T00:00:00Z").await, [0; 0]);
    assert_eq!(
        positions(&world, "?from=9999-12-31T23:59:59Z").await,
        [0; 0]
    );
}

#[tokio::test]
async fn pages_hold_every_event_once_while_more_are_written() {
    let world = World::new().await;
    world
        .logged((0..7).map(|_| product_created(Uuid::now_v7(), "a", "", 1)))
        .await;
    let mut seen = Vec::new();
    let mut next = Some("/audit?limit=3&aggregate_type=product".to_owned());
    let mut more = 2;
    while let Some(path) = next {
        let answer = world.get(Operator, &path).token(&world.admin()).await;
        seen.extend(
            answer
                .array()
                .iter()
                .map(|event| event["position"].as_i64().expect("a position")),
        );
        next = answer.next();
        if more > 0 {
            world
                .logged([product_created(Uuid::now_v7(), "b", "", 1)])
                .await;
            more -= 1;
        }
    }
    assert_eq!(seen, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_an_admin_may_ask() {
    let world = World::new().await;
    world
        .get(Operator, "/audit")
        .plain()
        .await
        .problem(401, "unauthorized");
    world
        .get(Operator, "/audit")
        .token("x")
        .await
        .problem(401, "unauthorized");
    let token = world.customer(Uuid::now_v7());
    world
        .get(Operator, "/audit")
        .token(&token)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("aggregate_id=7", "/aggregate_id"),
        ("from=yesterday", "/from"),
        ("to=2026-01-01", "/to"),
        ("after=-1", "/after"),
        ("after=x", "/after"),
        ("event_type=%00", "/event_type"),
        ("cursor=x", "/cursor"),
    ] {
        let answer = world
            .get(Operator, &format!("/audit?{query}"))
            .token(&world.admin())
            .await;
        answer.points_at(pointer);
    }
}
