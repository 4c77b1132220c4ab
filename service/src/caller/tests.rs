use axum::{
    body::Body,
    http::{Method, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Identity, Tokens};
use crate::{
    Profile,
    testing::{ALICE, Answer, SECRET, ask, common, request, shop, token},
};

fn tokens() -> Tokens {
    Tokens::new(SECRET, 15)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn issued() -> String {
    let identity = Identity {
        user_id: ALICE,
        username: "Älice".to_owned(),
        role: "customer".to_owned(),
    };
    tokens().issue(&identity, Uuid::from_u128(5), now()).token
}

fn claims() -> Value {
    json!({
        "iss": "online-mart", "aud": "online-mart", "sub": ALICE, "typ": "access", "jti": Uuid::now_v7(),
        "iat": now().timestamp(), "exp": now().timestamp() + 900, "role": "customer", "name": "alice", "sid": Uuid::nil(),
    })
}

fn signed(claims: &Value, algorithm: Algorithm, key: &[u8]) -> String {
    jsonwebtoken::encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(key),
    )
    .unwrap()
}

fn is_good(token: &str) -> bool {
    tokens().verify(token, now()).is_some()
}

#[test]
fn a_token_names_its_user_until_it_expires() {
    let tokens = tokens();
    let token = issued();
    // The second time it comes from the cache.
    for _ in 0..2 {
        let caller = tokens.verify(&token, now()).unwrap();
        assert_eq!(
            (caller.user_id, caller.username.as_str(), caller.session_id),
            (ALICE, "Älice", Uuid::from_u128(5))
        );
        assert!(!caller.is_admin());
        assert!(
            tokens
                .verify(&token, now() + Duration::seconds(899))
                .is_some()
        );
        assert!(
            tokens
                .verify(&token, now() + Duration::seconds(900))
                .is_none()
        );
    }
}

#[test]
fn what_we_would_have_signed_is_good() {
    assert!(is_good(&signed(&claims(), Algorithm::HS256, SECRET)));
}

#[test]
fn another_key_or_algorithm_is_not_good() {
    assert!(!is_good(&signed(
        &claims(),
        Algorithm::HS256,
        b"another key"
    )));
    assert!(!is_good(&signed(&claims(), Algorithm::HS512, SECRET)));
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    for name in ["none", "None", "NONE"] {
        let header = part(&json!({"alg": name, "typ": "JWT"}));
        assert!(!is_good(&format!("{header}.{}.", part(&claims()))));
        let signature = issued().rsplit_once('.').unwrap().1.to_owned();
        assert!(!is_good(&format!(
            "{header}.{}.{signature}",
            part(&claims())
        )));
    }
}

#[test]
fn claims_for_another_purpose_are_not_good() {
    for (claim, value) in [
        ("iss", json!("elsewhere")),
        ("aud", json!("elsewhere")),
        ("typ", json!("refresh")),
        ("sub", json!("alice")),
        ("exp", json!("tomorrow")),
        ("exp", json!(now().timestamp() - 1)),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        assert!(
            !is_good(&signed(&claims, Algorithm::HS256, SECRET)),
            "{claim}"
        );
    }
    for claim in [
        "iss", "aud", "sub", "typ", "jti", "iat", "exp", "role", "name", "sid",
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert!(
            !is_good(&signed(&claims, Algorithm::HS256, SECRET)),
            "{claim}"
        );
    }
}

#[test]
fn garbage_is_not_good() {
    let token = issued();
    let (start, signature) = token.rsplit_once('.').unwrap();
    let changed = format!("{start}.{}", signature.chars().rev().collect::<String>());
    let long = format!("{token}{}", "x".repeat(10_000));
    for garbage in [
        "",
        ".",
        "..",
        "a.b.c",
        "ey",
        start,
        &changed,
        &long,
        &format!(" {token}"),
    ] {
        assert!(!is_good(garbage), "{garbage}");
    }
}

async fn asked(profile: Profile, method: Method, path: &str, authorization: &[&str]) -> Answer {
    let mut request = request(method, path);
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    ask(
        &shop(&common(profile)),
        request.body(Body::empty()).unwrap(),
    )
    .await
}

fn bearer(role: &str) -> String {
    format!("Bearer {}", token(&common(Profile::Dev), role))
}

#[tokio::test]
async fn a_private_route_asks_for_a_token() {
    let me = |authorization: Vec<String>| async move {
        let values: Vec<_> = authorization.iter().map(String::as_str).collect();
        asked(Profile::Dev, Method::GET, "/user/me", &values).await
    };
    assert_eq!(me(vec![bearer("customer")]).await.text(), "alice");
    assert_eq!(
        me(vec![bearer("customer").replace("Bearer", "bEARER")])
            .await
            .text(),
        "alice"
    );

    let none = me(vec![]).await;
    none.is_problem(401, "unauthorized");
    assert_eq!(
        none.header("www-authenticate"),
        Some("Bearer realm=\"online-mart\"")
    );

    for bad in [
        "Bearer x",
        "Bearer ",
        "Bearer",
        "Basic YTpi",
        "",
        &bearer("customer")[7..],
    ] {
        let answer = me(vec![bad.to_owned()]).await;
        answer.is_problem(401, "unauthorized");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("invalid_token"),
            "{bad}"
        );
    }
    me(vec![bearer("customer"), bearer("customer")])
        .await
        .is_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_public_route_takes_anyone_but_no_bad_token() {
    let maybe = |authorization: String| async move {
        asked(Profile::Dev, Method::GET, "/maybe", &[&authorization]).await
    };
    assert_eq!(
        asked(Profile::Dev, Method::GET, "/maybe", &[]).await.text(),
        "nobody"
    );
    assert_eq!(maybe(bearer("customer")).await.text(), "alice");
    maybe("Bearer x".to_owned())
        .await
        .is_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_reserved_route_is_for_admins() {
    let admin = |authorization: String| async move {
        asked(Profile::Dev, Method::GET, "/admin", &[&authorization]).await
    };
    assert_eq!(admin(bearer("admin")).await.text(), "admin");
    admin(bearer("customer")).await.is_problem(403, "forbidden");
    admin("Bearer x".to_owned())
        .await
        .is_problem(401, "unauthorized");
}

#[tokio::test]
async fn who_keeps_the_shop_depends_on_the_profile() {
    let keep = |profile, authorization: Option<String>| async move {
        let values: Vec<_> = authorization.iter().map(String::as_str).collect();
        asked(profile, Method::POST, "/keep", &values).await
    };
    assert_eq!(keep(Profile::Dev, None).await.text(), "anyone");
    assert_eq!(
        keep(Profile::Dev, Some(bearer("customer"))).await.text(),
        "alice"
    );
    keep(Profile::Dev, Some("Bearer x".to_owned()))
        .await
        .is_problem(401, "unauthorized");

    keep(Profile::Prod, None)
        .await
        .is_problem(401, "unauthorized");
    keep(Profile::Prod, Some(bearer("customer")))
        .await
        .is_problem(403, "forbidden");
    assert_eq!(
        keep(Profile::Prod, Some(bearer("admin"))).await.text(),
        "alice"
    );
}
