use serde_json::json;
use service::Service::Notification;
use uuid::Uuid;

use crate::{
    told::{order_placed, registered},
    world::World,
};

#[tokio::test]
async fn a_customer_sees_the_mails_sent_to_it_and_an_admin_all() {
    let world = World::new().await;
    let (alice, bob) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([
            registered(alice, "alice"),
            registered(bob, "bob"),
            order_placed(Uuid::now_v7(), alice, 1, 100),
        ])
        .await;

    let mails = world
        .get(Notification, "/notifications")
        .token(&world.customer(alice))
        .await
        .array();
    let subjects: Vec<_> = mails.iter().map(|mail| mail["subject"].clone()).collect();
    assert_eq!(subjects, ["Order confirmation", "Welcome to Online Mart"]);
    for mail in &mails {
        let mut fields: Vec<_> = mail
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        fields.sort();
        let promised = [
            "attempts",
            "kind",
            "notification_id",
            "queued_at",
            "recipient",
            "sent_at",
            "status",
            "subject",
        ];
        assert_eq!(fields, promised);
        assert_eq!(mail["recipient"], "alice@example.com");
        assert_eq!(
            (&mail["status"], &mail["attempts"]),
            (&json!("QUEUED"), &json!(0))
        );
        assert_eq!(mail["sent_at"], json!(null));
    }

    let all = world
        .get(Notification, "/notifications")
        .token(&world.admin())
        .await
        .array();
    assert_eq!(all.len(), 3);
    let nobody = world.customer(Uuid::now_v7());
    assert_eq!(
        world
            .get(Notification, "/notifications")
            .token(&nobody)
            .await
            .text,
        "[]"
    );
}

#[tokio::test]
async fn what_became_of_a_mail_is_shown() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world.happened([registered(alice, "alice")]).await;
    let pool = &world.reader.databases.notification;
    for sql in [
        "insert into delivery (notification_id) select notification_id from mail on conflict do nothing",
        "update delivery set status = 'SENT', attempts = 2, sent_at = '2026-01-02T03:04:05Z'",
    ] {
        sqlx::query(sql).execute(pool).await.expect("a delivery");
    }
    let token = world.customer(alice);
    let mails = world
        .get(Notification, "/notifications")
        .token(&token)
        .await
        .array();
    assert_eq!(
        (&mails[0]["status"], &mails[0]["attempts"]),
        (&json!("SENT"), &json!(2))
    );
    assert_eq!(mails[0]["sent_at"], "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn pages_are_the_newest_first_for_customers_and_admins() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world
        .happened([
            registered(alice, "alice"),
            registered(Uuid::now_v7(), "bob"),
        ])
        .await;
    world
        .happened((0..5).map(|_| order_placed(Uuid::now_v7(), alice, 1, 100)))
        .await;
    for (token, mails) in [(world.customer(alice), 6), (world.admin(), 7)] {
        let pages = world
            .pages(Notification, "/notifications?limit=2", Some(&token))
            .await
            .concat();
        let mut ids: Vec<_> = pages
            .iter()
            .map(|mail| mail["notification_id"].to_string())
            .collect();
        assert!(
            ids.is_sorted_by(|a, b| a > b),
            "events have rising ids: {ids:?}"
        );
        ids.dedup();
        assert_eq!(ids.len(), mails);
    }
}

#[tokio::test]
async fn without_a_good_token_or_with_a_wrong_parameter_there_is_none() {
    let world = World::new().await;
    world
        .get(Notification, "/notifications")
        .plain()
        .await
        .problem(401, "unauthorized");
    world
        .get(Notification, "/notifications")
        .token("x")
        .await
        .problem(401, "unauthorized");
    let token = world.customer(Uuid::now_v7());
    world
        .get(Notification, "/notifications?limit=0")
        .token(&token)
        .await
        .points_at("/limit");
    world
        .get(Notification, "/notifications?kind=order")
        .token(&token)
        .await
        .points_at("/kind");
    let answer = world
        .get(Notification, "/notifications?cursor=x")
        .token(&token)
        .await;
    answer.problem(400, "bad-cursor");
}
