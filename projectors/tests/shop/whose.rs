//! Read models follow the log that they were made from, and no other.

use std::time::Duration;

use event_store::Log;
use projectors::{ReadDatabases, check};
use tokio::time::{sleep, timeout};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::databases::{contents, shelves};
use crate::following::{Running, checkpoint, lamps, stock};
use crate::messages::id;
use crate::recorded::{adjusted, recorded, registered};
use crate::told::Told;

/// What keeps the projection from going on.
async fn trouble(running: &Running, name: &str) -> String {
    let troubled = async {
        loop {
            if let Some(trouble) = running.progress.of(name).trouble() {
                return trouble;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let trouble = timeout(Duration::from_secs(10), troubled).await;
    trouble.expect("it is in trouble")
}

async fn refusal(log: &Log, databases: &ReadDatabases) -> String {
    let refused = check(log, databases).await;
    format!("{:#}", refused.expect_err("these are not its own"))
}

async fn applied(log: &Log, databases: &ReadDatabases, head: i64) {
    let running = Running::start(log, databases);
    running.has_reached(head).await;
    running.stop().await;
}

#[tokio::test]
async fn of_two_logs_the_second_leaves_the_read_models_of_the_first_alone_and_says_so_once() {
    let told = Told::default();
    let _listening = tracing_subscriber::registry()
        .with(told.clone())
        .set_default();
    let (one, other, shelves) = (recorded().await, recorded().await, shelves().await);
    let databases = &shelves.pools;
    let head = one.append(&lamps(3)).await;
    check(&one.log(), databases).await.expect("nobody's yet");
    check(&other.log(), databases).await.expect("nobody's yet");
    applied(&one.log(), databases, head).await;
    check(&one.log(), databases).await.expect("its own");
    let before = contents(databases).await;

    let mut entries = lamps(20);
    entries.push(registered(id(3), "anne"));
    other.append(&entries).await;
    let refusal = refusal(&other.log(), databases).await;
    let running = Running::start(&other.log(), databases);
    let trouble = trouble(&running, "inventory").await;
    for text in [&refusal, &trouble] {
        for log in [&one, &other] {
            let log = log.log().identity().await.expect("an identity");
            assert!(text.contains(&log.id.to_string()), "{text}");
        }
        assert!(text.contains("_DATABASE_URL"), "{text}");
    }
    sleep(Duration::from_millis(600)).await;
    assert_eq!(contents(databases).await, before);
    for projection in projectors::projections() {
        let pool = projection.database(databases);
        assert_eq!(checkpoint(pool).await, head, "{}", projection.name());
        assert_eq!(told.errors_of(projection.name()), 1);
    }
    running.stop().await;

    let head = one.append(&[adjusted(id(2), 5, 1)]).await;
    applied(&one.log(), databases, head).await;
    assert_eq!(stock(databases).await, 4);
}

#[tokio::test]
async fn two_logs_that_begin_at_once_do_not_share_a_read_model() {
    let (one, other, shelves) = (recorded().await, recorded().await, shelves().await);
    let databases = &shelves.pools;
    one.append(&lamps(3)).await;
    other.append(&lamps(20)).await;
    let both = [&one, &other].map(|log| Running::start(&log.log(), databases));
    let refused = async {
        let of = |running: &Running| running.progress.of("inventory").trouble().is_some();
        while !both.iter().any(of) || stock(databases).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), refused)
        .await
        .expect("one of them is refused");
    for running in both {
        running.stop().await;
    }
    let found = stock(databases).await;
    assert!([3, 20].contains(&found), "{found}");
}

#[tokio::test]
async fn a_log_that_ends_before_its_read_models_is_not_followed_even_when_it_has_grown() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let entries = lamps(10);
    let head = recorded.append(&entries).await;
    applied(&recorded.log(), databases, head).await;
    // As a copy from before the last events is.
    sqlx::raw_sql(
        "alter table events disable trigger append_only; delete from events where position > 7;
         update log_head set position = 7",
    )
    .execute(&recorded.pool)
    .await
    .expect("an older state");

    let refusal = refusal(&recorded.log(), databases).await;
    assert!(refusal.contains("position 12"), "{refusal}");
    let running = Running::start(&recorded.log(), databases);
    let first = trouble(&running, "inventory").await;
    assert!(first.contains("position 12"), "{first}");
    let others: Vec<_> = (7..17).map(|n| adjusted(id(2), n, 100)).collect();
    recorded.append(&others).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(trouble(&running, "inventory").await, first);
    assert_eq!(checkpoint(&databases.inventory).await, head);
    assert_eq!(stock(databases).await, 10);
    running.stop().await;
}

#[tokio::test]
async fn read_models_of_an_earlier_version_become_the_logs_that_follows_them() {
    let (one, other, shelves) = (recorded().await, recorded().await, shelves().await);
    let databases = &shelves.pools;
    let head = one.append(&lamps(3)).await;
    applied(&one.log(), databases, head).await;
    sqlx::query("update checkpoint set log = null")
        .execute(&databases.inventory)
        .await
        .expect("an earlier version's row");
    let head = one.append(&[adjusted(id(2), 5, 1)]).await;
    applied(&one.log(), databases, head).await;
    assert_eq!(stock(databases).await, 4);
    other.append(&lamps(9)).await;
    let running = Running::start(&other.log(), databases);
    trouble(&running, "inventory").await;
    running.stop().await;
    assert_eq!(stock(databases).await, 4);
}
