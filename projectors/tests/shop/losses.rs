//! What a database loses, a projection makes good.

use std::time::Duration;

use event_store::Log;
use tokio::time::{sleep, timeout};

use crate::databases::{contents, shelves};
use crate::following::{Running, checkpoint, lamps, stock};
use crate::recorded::recorded;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_lose_and_double_nothing() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let running = Running::start(&recorded.log(), databases);
    let mut head = 0;
    for part in lamps(200).chunks(10) {
        head = recorded.append(part).await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&databases.inventory)
        .await
        .expect("connections are cut");
    }
    running.has_reached(head).await;
    running.stop().await;
    let found = contents(databases).await;

    let fresh = shelves_after(&recorded.log(), head).await;
    assert_eq!(found, fresh);
}

/// What a fresh replay leaves.
async fn shelves_after(log: &Log, head: i64) -> String {
    let shelves = shelves().await;
    let running = Running::start(log, &shelves.pools);
    running.has_reached(head).await;
    running.stop().await;
    contents(&shelves.pools).await
}

#[tokio::test]
async fn commits_that_a_crashed_server_has_lost_are_made_anew_without_waiting_for_news() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let head = recorded.append(&lamps(3)).await;
    let running = Running::start(&recorded.log(), databases);
    running.has_reached(head).await;
    // As the tables were before the last commit; nothing else happens.
    sqlx::raw_sql("delete from inventory; update checkpoint set position = 0")
        .execute(&databases.inventory)
        .await
        .expect("a loss");
    let made_anew = async {
        while checkpoint(&databases.inventory).await < head {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), made_anew)
        .await
        .expect("the projection notices");
    assert_eq!(stock(databases).await, 3);
    running.stop().await;
}

#[tokio::test]
async fn trouble_that_has_passed_is_forgotten_though_nothing_new_happens() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let head = recorded.append(&lamps(3)).await;
    let running = Running::start(&recorded.log(), databases);
    running.has_reached(head).await;
    let inventory = running.progress.of("inventory");
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";
    let noticed = async {
        while inventory.trouble().is_none() {
            sqlx::query(cut)
                .execute(&databases.inventory)
                .await
                .expect("the connections are cut");
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), noticed)
        .await
        .expect("the projection notices");
    let forgotten = async {
        while inventory.trouble().is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), forgotten)
        .await
        .expect("the trouble is over");
    running.stop().await;
}
