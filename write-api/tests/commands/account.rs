use service::Service;

use crate::bench::Bench;

#[tokio::test]
async fn registering_claims_both_names_and_opens_the_account_in_one_append() {
    let bench = Bench::new().await;

    let registered = bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);

    assert_eq!(registered.fields(), ["user_id", "username", "email"]);
    assert_eq!(
        (registered.word("username"), registered.word("email")),
        ("john_doe".into(), "john_doe@example.com".into())
    );
    assert!(!registered.header("consistency-token").is_empty());
    assert_eq!(
        bench.events().await,
        ["claim claimed", "claim claimed", "account registered"]
    );
    let stored = bench
        .shop
        .store
        .log()
        .stored(0, 10)
        .await
        .expect("the log can be read");
    assert_eq!(stored[2].aggregate_id, registered.word("user_id"));
    let log = format!("{stored:?}");
    assert!(log.contains("$argon2id$") && !log.contains("securepassword123"));
    assert!(!stored[0].aggregate_id.contains("john"), "no name in an id");
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case() {
    let bench = Bench::new().await;
    let register = |body: &'static str| bench.post(Service::User, "/user/register").json(body);
    register(
        r#"{"username":"Jürgen","email":"juergen@example.com","password":"securepassword123"}"#,
    )
    .await
    .expecting(201);

    let again = register(
        r#"{"username":"JÜRGEN","email":"other@example.com","password":"securepassword123"}"#,
    )
    .await;
    again.refusing(409, "username-taken");
    let again = register(
        r#"{"username":"other","email":"Juergen@Example.COM","password":"securepassword123"}"#,
    )
    .await;
    again.refusing(409, "email-taken");
    register(r#"{"username":"other","email":"other@example.com","password":"securepassword123"}"#)
        .await
        .expecting(201);
}

#[tokio::test]
async fn what_is_no_registration_is_refused_with_its_field() {
    let bench = Bench::new().await;
    let good =
        r#"{"username":"john_doe","email":"john@example.com","password":"securepassword123"}"#;
    let long = "x".repeat(65);
    let longer = "x".repeat(129);
    for (from, to, pointer) in [
        ("john_doe", "jo", "/username"),
        ("john_doe", &*long, "/username"),
        ("john_doe", "john doe", "/username"),
        ("john_doe", "john\\u0000doe", "/username"),
        ("john@example.com", "john", "/email"),
        ("john@example.com", "john@", "/email"),
        ("securepassword123", "1234567", "/password"),
        ("securepassword123", &*longer, "/password"),
        ("securepassword123", "secure\\u0000word", "/password"),
        ("\"password\"", "\"pass\"", "/pass"),
    ] {
        let body = good.replace(from, to);
        let refused = bench
            .post(Service::User, "/user/register")
            .json(&body)
            .await
            .pointing_at(pointer);
        assert!(
            pointer != "/password" || !refused.text.contains(to),
            "never echoed"
        );
    }
    bench
        .post(Service::User, "/user/register")
        .json("{")
        .await
        .refusing(400, "malformed");
    bench
        .post(Service::User, "/user/register")
        .form("username=x")
        .await
        .refusing(415, "unsupported-media-type");
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn an_address_registers_sixty_at_once_and_then_waits() {
    let bench = Bench::new().await;
    let taken =
        r#"{"username":"john_doe","email":"john@example.com","password":"securepassword123"}"#;
    bench
        .post(Service::User, "/user/register")
        .json(taken)
        .await
        .expecting(201);
    for _ in 0..59 {
        bench
            .post(Service::User, "/user/register")
            .json(taken)
            .await
            .refusing(409, "username-taken");
    }
    let mut waits = 0;
    for _ in 0..20 {
        let reply = bench
            .post(Service::User, "/user/register")
            .json(taken)
            .await;
        if reply.status == 429 {
            let reply = reply.refusing(429, "too-many-requests");
            let seconds: u64 = reply.header("retry-after").parse().expect("seconds");
            assert!((1..=10).contains(&seconds));
            waits += 1;
        }
    }
    assert!(waits >= 15, "only {waits} of 20 were sent away");
    let other = bench
        .post(Service::User, "/user/register")
        .from([10, 0, 0, 1])
        .json(taken)
        .await;
    other.refusing(409, "username-taken");
}

#[tokio::test]
async fn behind_a_proxy_of_ours_each_customer_has_a_limit_of_their_own() {
    let Bench {
        mut shop, database, ..
    } = Bench::new().await;
    shop.common = shop.common.behind("10.0.0.1".parse().expect("an address"));
    let bench = Bench::of(shop, database);
    let taken =
        r#"{"username":"john_doe","email":"john@example.com","password":"securepassword123"}"#;
    let register = |peer, customer| {
        let asking = bench.post(Service::User, "/user/register").from(peer);
        asking.header("x-forwarded-for", customer).json(taken)
    };
    let proxy = [10, 0, 0, 1];
    register(proxy, "203.0.113.7").await.expecting(201);
    for _ in 0..70 {
        register(proxy, "1.2.3.4, 203.0.113.7").await;
    }
    register(proxy, "8.8.8.8, 203.0.113.7")
        .await
        .refusing(429, "too-many-requests");
    register(proxy, "203.0.113.8")
        .await
        .refusing(409, "username-taken");
    // Who is no proxy of ours can't pass the limit by making up addresses.
    for customer in 0..70 {
        register(
            [192, 0, 2, 1],
            ["203.0.113.9", "203.0.113.10"][customer % 2],
        )
        .await;
    }
    register([192, 0, 2, 1], "203.0.113.11")
        .await
        .refusing(429, "too-many-requests");
}
