use service::Service;
use write_api::{grant, revoke};

use crate::bench::Bench;

async fn role_after_login(bench: &Bench) -> String {
    let login = bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200);
    let caller = bench
        .shop
        .common
        .tokens()
        .verify(&login.word("access_token"), bench.shop.clock.now());
    caller.expect("a good token").role
}

#[tokio::test]
async fn a_granted_role_applies_from_the_next_login_or_refresh() {
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

    grant(&bench.shop.store, "JOHN_DOE", "admin")
        .await
        .expect("a known user");
    grant(&bench.shop.store, "john_doe", "admin")
        .await
        .expect("granting twice is granting once");

    let body = serde_json::json!({ "refresh_token": token }).to_string();
    let refreshed = bench
        .post(Service::User, "/user/refresh_token")
        .json(&body)
        .await
        .expecting(200);
    let caller = bench
        .shop
        .common
        .tokens()
        .verify(&refreshed.word("access_token"), bench.shop.clock.now());
    assert_eq!(caller.expect("a good token").role, "admin");
    assert_eq!(role_after_login(&bench).await, "admin");

    revoke(&bench.shop.store, "john_doe", "admin")
        .await
        .expect("a known user");
    assert_eq!(role_after_login(&bench).await, "customer");
    let events = bench.events().await;
    assert_eq!(
        events
            .iter()
            .filter(|event| *event == "account role-granted")
            .count(),
        1
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| *event == "account role-revoked")
            .count(),
        1
    );
}

#[tokio::test]
async fn an_unknown_user_or_role_is_refused() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let error = grant(&bench.shop.store, "jane_doe", "admin")
        .await
        .expect_err("nobody's name");
    assert_eq!(error.to_string(), "there is no user jane_doe");
    grant(&bench.shop.store, "x", "admin")
        .await
        .expect_err("no name at all");
    grant(&bench.shop.store, "john_doe", "king")
        .await
        .expect_err("no role");
    revoke(&bench.shop.store, "jane_doe", "admin")
        .await
        .expect_err("nobody's name");
    assert_eq!(bench.events().await.len(), 3, "nothing was written");
}
