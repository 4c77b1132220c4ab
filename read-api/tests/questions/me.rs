use axum::http::{StatusCode, header};
use service::Service::{Order, User};
use uuid::Uuid;

use crate::{
    told::{HASH, registered, rehashed, role_granted},
    world::World,
};

#[tokio::test]
async fn a_user_sees_itself_on_both_ports_and_never_a_hash() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world.happened([registered(alice, "alice")]).await;
    let token = world.customer(alice);
    for service in [Order, User] {
        let answer = world.get(service, "/user/me").token(&token).await;
        assert!(
            !answer.text.contains("hash") && !answer.text.contains(HASH),
            "{}",
            answer.text
        );
        let me = answer.ok();
        assert_eq!(me["user_id"], alice.to_string());
        assert_eq!(
            (&me["username"], &me["email"]),
            (&"alice".into(), &"alice@example.com".into())
        );
        assert_eq!(me["role"], "customer");
        assert_eq!(answer.header(header::ETAG), "\"1\"");
        let again = world
            .get(service, "/user/me")
            .header(header::IF_NONE_MATCH, "\"1\"")
            .token(&token)
            .await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn a_granted_role_is_a_new_version() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world
        .happened([
            registered(alice, "alice"),
            rehashed(alice, 2),
            role_granted(alice, 3, "admin"),
        ])
        .await;
    let token = world.customer(alice);
    let answer = world
        .get(User, "/user/me")
        .header(header::IF_NONE_MATCH, "\"1\"")
        .token(&token)
        .await;
    assert_eq!(answer.ok()["role"], "admin");
    assert_eq!(answer.header(header::ETAG), "\"3\"");
}

#[tokio::test]
async fn without_a_good_token_there_is_nobody() {
    let world = World::new().await;
    for service in [Order, User] {
        world
            .get(service, "/user/me")
            .plain()
            .await
            .problem(401, "unauthorized");
        world
            .get(service, "/user/me")
            .token("x")
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_token_of_an_account_that_is_nowhere_is_not_good() {
    let world = World::new().await;
    let token = world.customer(Uuid::now_v7());
    world
        .get(User, "/user/me")
        .token(&token)
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn an_account_that_is_on_its_way_is_waited_for() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world.logged([registered(alice, "alice")]).await;
    let token = world.customer(alice);
    let asked = world.get(User, "/user/me").token(&token);
    let ((), answer) = tokio::join!(world.shown(), asked);
    assert_eq!(answer.ok()["username"], "alice");
}

#[tokio::test]
async fn a_parameter_is_refused() {
    let world = World::new().await;
    let token = world.customer(Uuid::now_v7());
    for service in [Order, User] {
        let answer = world.get(service, "/user/me?as=bob").token(&token).await;
        answer.points_at("/as");
    }
}
