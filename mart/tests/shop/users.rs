//! The tables of ports 8002 and 8003 about users, row by row, status by status.

use reqwest::Method;
use serde_json::json;
use service::Service::{Order, Product, User};

use crate::customer::send;
use crate::house::House;

fn john() -> serde_json::Value {
    json!({"username": "john_doe", "email": "john@example.com", "password": "securepassword123"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_registers_logs_in_and_sees_themselves_on_both_ports() {
    let house = House::open().await;
    let stranger = house.stranger();
    let registered = stranger.post(User, "/user/register", &john()).await.is(201);
    let body = registered.json();
    assert_eq!(
        (&body["username"], &body["email"]),
        (&json!("john_doe"), &json!("john@example.com"))
    );
    for (port, other) in [(Order, User), (User, Order)] {
        let login = stranger
            .form(
                port,
                "/user/login",
                &[("username", "John_Doe"), ("password", "securepassword123")],
            )
            .await
            .is(200);
        assert_eq!(login.json()["token_type"], "bearer");
        assert_eq!(login.json()["expires_in"], 900);
        assert_eq!(login.header("cache-control"), "no-store");
        let token = login.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let me = send(
            stranger
                .request(Method::GET, other, "/user/me")
                .bearer_auth(&token),
        )
        .await
        .is(200);
        assert_eq!(me.json()["user_id"], body["user_id"]);
        assert_eq!(me.json()["email"], "john@example.com");
        assert!(
            !me.text.contains("argon2") && !me.text.contains("password"),
            "{}",
            me.text
        );
    }
    for bad in ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic am9objpk"] {
        let answer = send(
            stranger
                .request(Method::GET, User, "/user/me")
                .header("authorization", bad),
        )
        .await;
        assert!(answer.has_header("www-authenticate"));
        answer.problem(401, "unauthorized");
    }
    stranger
        .get(User, "/user/me")
        .await
        .problem(401, "unauthorized");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_name_or_address_is_refused_whatever_its_case() {
    let house = House::open().await;
    let stranger = house.stranger();
    stranger.post(User, "/user/register", &john()).await.is(201);
    for (username, email, slug) in [
        ("john_doe", "other@example.com", "username-taken"),
        ("JOHN_Doe", "other@example.com", "username-taken"),
        ("ｊohn_doe", "other@example.com", "username-taken"),
        ("somebody", "John@Example.COM", "email-taken"),
    ] {
        let body = json!({"username": username, "email": email, "password": "securepassword123"});
        stranger
            .post(User, "/user/register", &body)
            .await
            .problem(409, slug);
    }
    // A refused registration claims nothing.
    let body = json!({"username": "somebody", "email": "other@example.com", "password": "securepassword123"});
    stranger.post(User, "/user/register", &body).await.is(201);
    for (n, name) in ["Ωμέγα", "山田太郎", "Ольга"].into_iter().enumerate() {
        let body = json!({"username": name, "email": format!("{n}@example.com"), "password": "pässwörd ✓ x"});
        stranger.post(User, "/user/register", &body).await.is(201);
        assert!(stranger.login(name, "pässwörd ✓ x").await.token.is_some());
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_registrations_point_at_the_field() {
    let house = House::open().await;
    let stranger = house.stranger();
    for (field, value) in [
        ("username", json!("jo")),
        ("username", json!("j".repeat(65))),
        ("username", json!("john doe")),
        ("username", json!("john\u{0}doe")),
        ("email", json!("john")),
        ("email", json!("john@")),
        ("email", json!("a b@example.com")),
        ("password", json!("short")),
        ("password", json!("p".repeat(129))),
        ("password", json!("password\u{0}")),
        ("role", json!("admin")),
    ] {
        let mut body = john();
        body[field] = value;
        stranger
            .post(User, "/user/register", &body)
            .await
            .points_at(&format!("/{field}"));
    }
    for field in ["username", "email", "password"] {
        let mut body = john();
        body.as_object_mut().expect("an object").remove(field);
        stranger
            .post(User, "/user/register", &body)
            .await
            .points_at(&format!("/{field}"));
    }
    send(
        stranger
            .request(Method::POST, User, "/user/register")
            .form(&[("username", "x")]),
    )
    .await
    .is(415);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let house = House::open().await;
    let stranger = house.stranger();
    stranger.post(User, "/user/register", &john()).await.is(201);
    let wrong = stranger
        .form(
            Order,
            "/user/login",
            &[("username", "john_doe"), ("password", "wrongpassword")],
        )
        .await
        .problem(401, "bad-credentials");
    let unknown = stranger
        .form(
            Order,
            "/user/login",
            &[("username", "nobody"), ("password", "wrongpassword")],
        )
        .await
        .problem(401, "bad-credentials");
    assert_eq!(wrong, unknown);
    stranger
        .form(Order, "/user/login", &[("username", "john_doe")])
        .await
        .points_at("/password");
    stranger.post(Order, "/user/login", &john()).await.is(415);
    // Ten failures a minute and account; another account is not concerned.
    for _ in 0..9 {
        stranger
            .form(
                Order,
                "/user/login",
                &[("username", "john_doe"), ("password", "wrongpassword")],
            )
            .await
            .is(401);
    }
    let limited = stranger
        .form(
            Order,
            "/user/login",
            &[("username", "john_doe"), ("password", "wrongpassword")],
        )
        .await;
    let wait: u64 = limited.header("retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    limited.problem(429, "too-many-requests");
    house.customer("somebody").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_is_good_once() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let first = john.refresh_token.clone().expect("a refresh token");
    for port in [Order, User] {
        john.post(
            port,
            "/user/refresh_token",
            &json!({"refresh_token": "none"}),
        )
        .await
        .problem(401, "bad-refresh-token");
    }
    let refreshed = john
        .post(
            Order,
            "/user/refresh_token",
            &json!({"refresh_token": first}),
        )
        .await
        .is(200)
        .json();
    assert_eq!(refreshed["token_type"], "bearer");
    assert_ne!(refreshed["refresh_token"], json!(first));
    john.post(
        User,
        "/user/refresh_token",
        &json!({"refresh_token": first}),
    )
    .await
    .problem(401, "bad-refresh-token");
    let token = refreshed["access_token"].as_str().expect("a token");
    send(
        house
            .stranger()
            .request(Method::GET, User, "/user/me")
            .bearer_auth(token),
    )
    .await
    .is(200);
    // Two at once: one wins.
    let second = refreshed["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let body = json!({"refresh_token": second});
    let at_once =
        futures::future::join_all((0..8).map(|_| john.post(Order, "/user/refresh_token", &body)))
            .await;
    assert_eq!(
        at_once.iter().filter(|answer| answer.status == 200).count(),
        1
    );
    assert_eq!(
        at_once.iter().filter(|answer| answer.status == 401).count(),
        7
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registering_is_limited_per_address_and_says_when_to_come_back() {
    let house = House::open().await;
    let stranger = house.stranger();
    let bodies: Vec<_> = (0..75)
        .map(|n| json!({"username": format!("user_{n}"), "email": format!("{n}@example.com"), "password": "securepassword123"}))
        .collect();
    let at_once = futures::future::join_all(
        bodies
            .iter()
            .map(|body| stranger.post(User, "/user/register", body)),
    )
    .await;
    let limited: Vec<_> = at_once
        .into_iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert!((1..=15).contains(&limited.len()), "{} of 75", limited.len());
    for answer in limited {
        let wait: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=10).contains(&wait), "{wait}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_prod_only_an_admin_writes_products_and_a_role_applies_from_the_next_login() {
    let house = House::open_with(&["--profile=prod"]).await;
    let body = json!({"name": "Laptop", "description": "", "price": 1});
    house
        .stranger()
        .post(Product, "/product", &body)
        .await
        .problem(401, "unauthorized");
    let john = house.customer("john_doe").await;
    john.post(Product, "/product", &body)
        .await
        .problem(403, "forbidden");
    let store = event_store::EventStore::open(house.shop().log().pool().clone())
        .await
        .expect("opens");
    assert!(write_api::grant(&store, "nobody", "admin").await.is_err());
    write_api::grant(&store, "John_Doe", "admin")
        .await
        .expect("the user is there");
    john.post(Product, "/product", &body).await.is(403);
    let admin = john.login("john_doe", "securepassword123").await;
    admin.post(Product, "/product", &body).await.is(201);
    write_api::revoke(&store, "john_doe", "admin")
        .await
        .expect("the user is there");
    let refreshed = admin
        .post(
            Order,
            "/user/refresh_token",
            &json!({"refresh_token": admin.refresh_token}),
        )
        .await
        .is(200)
        .json();
    let token = refreshed["access_token"].as_str().expect("a token");
    send(
        house
            .stranger()
            .request(Method::POST, Product, "/product")
            .bearer_auth(token)
            .json(&body),
    )
    .await
    .is(403);
    house.close().await;
}
