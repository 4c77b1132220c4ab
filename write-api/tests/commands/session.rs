use std::sync::Arc;

use chrono::Duration;
use service::{Profile, Service};
use write_api::{Clock, SimulatedGateway};

use crate::bench::{Bench, Reply};

async fn refresh(bench: &Bench, token: &str) -> Reply {
    let body = serde_json::json!({ "refresh_token": token });
    bench
        .post(Service::Order, "/user/refresh_token")
        .json(&body.to_string())
        .await
}

#[tokio::test]
async fn a_login_gives_a_token_of_ones_own() {
    let bench = Bench::new().await;
    let user = bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201)
        .word("user_id");

    let reply = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200);

    assert_eq!(
        reply.fields(),
        ["access_token", "token_type", "expires_in", "refresh_token"]
    );
    assert_eq!(
        (
            reply.word("token_type"),
            reply.json()["expires_in"].as_u64()
        ),
        ("bearer".into(), Some(900))
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    let caller = bench
        .shop
        .common
        .tokens()
        .verify(&reply.word("access_token"), bench.shop.clock.now())
        .expect("good");
    assert_eq!(
        (caller.user_id.to_string(), caller.username, caller.role),
        (user, "john_doe".into(), "customer".into())
    );
    assert_eq!(bench.events().await[3..], ["session started"]);
    let log = format!(
        "{:?}",
        bench
            .shop
            .store
            .log()
            .stored(3, 1)
            .await
            .expect("the log can be read")
    );
    let refresh_token = reply.word("refresh_token");
    let (session, secret) = refresh_token.split_once('.').expect("two parts");
    assert!(
        log.contains(session) && !log.contains(secret),
        "only the secret's digest is kept"
    );
    assert_eq!(secret.len(), 43, "256 bits");

    for name in ["JOHN_DOE", "john_doe"] {
        let form = format!("username={name}&password=securepassword123");
        bench
            .post(Service::User, "/user/login")
            .form(&form)
            .await
            .expecting(200);
    }
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);

    let wrong = bench
        .login("john_doe", "another-password")
        .await
        .refusing(401, "bad-credentials");
    let short = bench
        .login("john_doe", "x")
        .await
        .refusing(401, "bad-credentials");
    let unknown = bench
        .login("jane_doe", "securepassword123")
        .await
        .refusing(401, "bad-credentials");
    let impossible = bench
        .login("x", "securepassword123")
        .await
        .refusing(401, "bad-credentials");
    for other in [short, unknown, impossible] {
        assert_eq!(other.text, wrong.text);
        assert_eq!(
            other.header("www-authenticate"),
            wrong.header("www-authenticate")
        );
    }

    let login = |form: &'static str| bench.post(Service::Order, "/user/login").form(form);
    login("username=john_doe").await.pointing_at("/password");
    login("password=securepassword123")
        .await
        .pointing_at("/username");
    login("username=john_doe&password=securepassword123&x=y")
        .await
        .pointing_at("/x");
    login("username=john%00doe&password=securepassword123")
        .await
        .pointing_at("/username");
    let json = r#"{"username":"john_doe","password":"securepassword123"}"#;
    bench
        .post(Service::Order, "/user/login")
        .json(json)
        .await
        .refusing(415, "unsupported-media-type");
    assert_eq!(bench.events().await.len(), 3, "nothing was written");
}

#[tokio::test]
async fn a_refresh_gives_a_new_token_and_the_old_one_dies() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let first = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200)
        .word("refresh_token");

    let refreshed = refresh(&bench, &first).await.expecting(200);

    assert_eq!(
        refreshed.fields(),
        ["access_token", "token_type", "expires_in", "refresh_token"]
    );
    let second = refreshed.word("refresh_token");
    assert_ne!(first, second);
    refresh(&bench, &first)
        .await
        .refusing(401, "bad-refresh-token");
    refresh(&bench, &second).await.expecting(200);
    assert_eq!(
        bench.events().await[3..],
        ["session started", "session refreshed", "session refreshed"]
    );
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_wins() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let token = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200)
        .word("refresh_token");

    let (one, two) = tokio::join!(refresh(&bench, &token), refresh(&bench, &token));

    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let login = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200);
    let good = login.word("refresh_token");
    let (session, secret) = good.split_once('.').expect("two parts");
    let foreign = format!("{}.{secret}", uuid::Uuid::now_v7());
    for bad in [
        "",
        "x",
        "x.y",
        session,
        &login.word("access_token"),
        &foreign,
        &format!("{session}.{}", "A".repeat(43)),
    ] {
        refresh(&bench, bad)
            .await
            .refusing(401, "bad-refresh-token");
    }
    bench
        .post(Service::Order, "/user/refresh_token")
        .json("{}")
        .await
        .pointing_at("/refresh_token");
    bench
        .post(Service::User, "/user/refresh_token")
        .json(r#"{"refresh_token":1}"#)
        .await
        .pointing_at("/refresh_token");
    refresh(&bench, &good).await.expecting(200);
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_for_thirty_days_is_over() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let token = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200)
        .word("refresh_token");
    let in_days = |days| {
        let mut shop = bench.shop.clone();
        shop.clock = Clock::from_fn(move || chrono::Utc::now() + Duration::days(days));
        Bench::of(shop, Arc::clone(&bench.database))
    };
    refresh(&in_days(31), &token)
        .await
        .refusing(401, "bad-refresh-token");
    let token = refresh(&in_days(29), &token)
        .await
        .expecting(200)
        .word("refresh_token");
    refresh(&in_days(58), &token).await.expecting(200);
}

#[tokio::test]
async fn ten_wrong_passwords_close_the_account_for_a_while() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    bench
        .register("jane_doe", "securepassword123")
        .await
        .expecting(201);
    let mut wrong = 0;
    let closed = loop {
        let reply = bench.login("john_doe", "another-password").await;
        if reply.status == 429 {
            break reply.refusing(429, "too-many-requests");
        }
        reply.refusing(401, "bad-credentials");
        wrong += 1;
    };
    assert!((10..=12).contains(&wrong), "{wrong} guesses");
    let seconds: u64 = closed.header("retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&seconds));
    bench
        .login("John_Doe", "securepassword123")
        .await
        .refusing(429, "too-many-requests");
    bench
        .login("jane_doe", "securepassword123")
        .await
        .expecting(200);
}

#[tokio::test]
async fn a_login_knows_what_another_process_wrote() {
    let one = Bench::new().await;
    let two = Bench::on(
        Arc::clone(&one.database),
        Profile::Dev,
        Arc::new(SimulatedGateway::new(1.0, 0)),
    )
    .await;
    two.login("john_doe", "securepassword123")
        .await
        .refusing(401, "bad-credentials");
    one.register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let token = two
        .login("john_doe", "securepassword123")
        .await
        .expecting(200)
        .word("refresh_token");
    let token = refresh(&one, &token)
        .await
        .expecting(200)
        .word("refresh_token");
    refresh(&two, &token).await.expecting(200);
}
