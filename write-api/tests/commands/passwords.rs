use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::account::Command;
use domain::claim::{self, Kind};
use domain::id::UserId;
use domain::name::Username;
use domain::{Account, Claim};
use event_store::{Context, Unit};
use tokio::task::JoinSet;
use uuid::Uuid;
use write_api::{Passwords, Refusal};

use crate::bench::Bench;

/// `securepassword123`, as passlib's bcrypt of cost 4 hashes it.
fn bcrypt_hash() -> String {
    bcrypt::hash("securepassword123", 4)
        .expect("a sane cost")
        .replacen("$2y$", "$2b$", 1)
}

async fn import(bench: &Bench, name: &str, hash: String) {
    let username: Username = name.parse().expect("a username");
    let id = UserId::from(Uuid::now_v7());
    let claim_id = bench
        .shop
        .store
        .claim_id(Kind::Username, &username.normalised());
    let imported = bench.shop.store.execute(
        Context::system("import"),
        move |unit: &mut Unit<'_, Refusal>| {
            unit.decide::<Claim>(
                claim_id,
                claim::Command::Claim {
                    kind: Kind::Username,
                    account_id: id,
                },
            )?;
            let email = "john@example.com".parse().expect("an address");
            let password_hash = hash.parse().expect("a hash");
            unit.create::<Account>(
                id,
                Command::Register {
                    username: username.clone(),
                    email,
                    password_hash,
                },
            )?;
            Ok(())
        },
    );
    imported.await.expect("nobody has the name");
}

#[tokio::test]
async fn an_imported_bcrypt_hash_is_good_and_replaced_at_the_first_login() {
    let bench = Bench::new().await;
    import(&bench, "john_doe", bcrypt_hash()).await;

    bench
        .login("john_doe", "another-password")
        .await
        .refusing(401, "bad-credentials");
    bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200);
    assert_eq!(
        bench.events().await[2..],
        ["account password-rehashed", "session started"]
    );
    let stored = bench
        .shop
        .store
        .log()
        .stored(2, 1)
        .await
        .expect("the log can be read");
    assert!(stored[0].payload.to_string().contains("$argon2id$"));

    bench
        .login("john_doe", "another-password")
        .await
        .refusing(401, "bad-credentials");
    bench
        .login("john_doe", "securepassword123")
        .await
        .expecting(200);
    assert_eq!(bench.events().await.len(), 5, "rehashed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_the_queue_full_is_asked_to_come_again() {
    let mut bench = Bench::new().await;
    bench.shop.passwords = Passwords::with_queue(1, 2).expect("a hash can be made");
    let bench = Arc::new(Bench::of(bench.shop.clone(), Arc::clone(&bench.database)));
    let mut logins = JoinSet::new();
    for guess in 0..30 {
        let bench = Arc::clone(&bench);
        logins.spawn(async move {
            bench
                .login(&format!("nobody{guess}"), "securepassword123")
                .await
        });
    }
    let replies = logins.join_all().await;
    let busy = replies.iter().filter(|reply| reply.status == 503).count();
    assert!((1..=27).contains(&busy), "{busy} of 30 were sent away");
    for reply in replies {
        match reply.status.as_u16() {
            503 => assert_eq!(
                reply.refusing(503, "unavailable").header("retry-after"),
                "2"
            ),
            _ => drop(reply.refusing(401, "bad-credentials")),
        }
    }
    bench
        .login("nobody", "securepassword123")
        .await
        .refusing(401, "bad-credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_password_checks_may_queue() {
    let bench = Arc::new(Bench::new().await);
    let mut logins = JoinSet::new();
    for guess in 0..100 {
        let bench = Arc::clone(&bench);
        logins.spawn(async move {
            bench
                .login(&format!("nobody{guess}"), "securepassword123")
                .await
                .status
                .as_u16()
        });
    }
    assert!(logins.join_all().await.iter().all(|status| *status == 401));
}

#[tokio::test]
async fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let bench = Bench::new().await;
    bench
        .register("john_doe", "securepassword123")
        .await
        .expecting(201);
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..5 {
        for (fastest, name) in fastest.iter_mut().zip(["john_doe", "jane_doe"]) {
            let started = Instant::now();
            bench
                .login(name, "another-password")
                .await
                .refusing(401, "bad-credentials");
            *fastest = started.elapsed().min(*fastest);
        }
    }
    let [wrong, unknown] = fastest;
    assert!(
        unknown * 3 > wrong,
        "a wrong password took {wrong:?}, an unknown user {unknown:?}"
    );
}
