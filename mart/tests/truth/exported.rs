//! The audit trail on standard output: it goes on where it ended, and tells no secret.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::Place;
use crate::scene::{a_day, admin, customer, event_store, mart, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_goes_on_where_it_ended_and_tells_no_secret() {
    let place = Place::prepared();
    let shop = start(place.mart(&[])).await;
    admin(&place, &shop).await;
    a_day(&customer(&shop, "john_doe").await).await;
    let log = event_store(&place).await;

    let whole = mart(&place, &["audit", "export"]).await.ends_with(0);
    let positions: Vec<i64> = whole.lines().map(position).collect();
    let head: i64 = sqlx::query_scalar("select position from log_head")
        .fetch_one(&log)
        .await
        .expect("a head");
    assert_eq!(positions, (1..=head).collect::<Vec<_>>());

    // Cut anywhere, also in the middle of a line: go on after the last whole one.
    let cut = whole.len() / 2;
    let (begun, _) = whole[..cut].rsplit_once('\n').expect("some lines");
    let last = position(begun.lines().last().expect("a line")).to_string();
    let rest = mart(&place, &["audit", "export", "--after", &last]).await;
    assert_eq!(format!("{begun}\n{}", rest.ends_with(0)), whole);

    let table = mart(&place, &["audit", "export", "--format", "csv"]).await;
    let table = table.ends_with(0);
    assert!(table.starts_with("position,"), "{table}");
    assert_eq!(table.lines().count(), positions.len() + 1);

    let secrets = secrets(&log).await;
    assert!(secrets.len() >= 4, "two hashes and two digests at least");
    for secret in &secrets {
        assert!(!whole.contains(secret.as_str()), "{secret}");
        assert!(!table.contains(secret.as_str()), "{secret}");
    }
    for word in ["$argon2", "4000000000000077", crate::scene::PASSWORD] {
        assert!(!whole.contains(word) && !table.contains(word), "{word}");
    }
    shop.stop();
}

fn position(line: &str) -> i64 {
    let entry: Value = serde_json::from_str(line).expect("a line of JSON");
    entry["position"].as_i64().expect("a position")
}

/// Password hashes and digests of refresh tokens, as they are stored.
async fn secrets(log: &sqlx::PgPool) -> BTreeSet<String> {
    sqlx::query_scalar(
        "select distinct secret from events, json_each(payload) as event,
                lateral (values (event.value ->> 'password_hash'), (event.value ->> 'secret_digest')) as kept (secret)
         where secret is not null",
    )
    .fetch_all(log)
    .await
    .expect("it reads")
    .into_iter()
    .collect()
}
