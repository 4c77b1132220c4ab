//! Whoever reads or follows meanwhile notices nothing.

use std::time::Duration;

use projectors::{Projection, projections};
use sqlx::{Executor as _, PgPool};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::databases::{contents, number};
use crate::running::{Shop, named};

/// Counts a table as fast as it can until it is told to stop: never fewer rows than before, never an error.
async fn count(pool: PgPool, table: &'static str, stop: CancellationToken) -> (i64, i64) {
    let (mut last, mut looks) = (0, 0);
    let prepared = format!("select count(*) from \"{table}\"");
    while !stop.is_cancelled() {
        let now = number(&pool, &prepared).await;
        assert!(now >= last, "{table} had {last} rows and has {now}");
        (last, looks) = (now, looks + 1);
    }
    (last, looks)
}

/// Tables of which rows are never deleted.
const GROWING: [&str; 4] = ["inventory", "user", "payment", "mail"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_fewer_rows_or_an_error_and_no_follower_loses_its_way() {
    let mut shop = Shop::with(2_500, 1).await;
    let following = shop.follow();
    let enough = CancellationToken::new();
    let mut readers = Vec::new();
    for projection in projections() {
        for table in projection.tables().iter().filter(|t| GROWING.contains(t)) {
            for _ in 0..2 {
                let pool = projection.database(shop.databases()).clone();
                readers.push(tokio::spawn(count(pool, table, enough.clone())));
            }
        }
    }
    for _ in 0..5 {
        let growing = shop.history.goes_on(300);
        let append = async {
            for part in growing.chunks(6) {
                shop.recorded.append(part).await;
            }
        };
        let rebuild = async {
            for projection in projections() {
                shop.rebuild(projection).await.expect("it is rebuilt");
            }
        };
        tokio::join!(append, rebuild);
    }
    let head = shop.head().await;
    following.has_reached(head).await;
    enough.cancel();
    for reader in readers {
        let (rows, looks) = reader.await.expect("it notices nothing");
        assert!(rows > 0 && looks > 20, "{rows} rows, {looks} looks");
    }
    for projection in projections() {
        assert_eq!(following.progress.of(projection.name()).trouble(), None);
        let pool = projection.database(shop.databases());
        let position = number(pool, "select position from checkpoint").await;
        assert_eq!(position, head, "{}", projection.name());
    }
    following.stop().await;
    let live = contents(shop.databases()).await;
    for projection in projections() {
        shop.rebuild(projection).await.expect("it is rebuilt");
    }
    assert!(live == contents(shop.databases()).await);
}

#[tokio::test]
async fn somebody_who_holds_a_table_is_waited_for_and_nobody_waits_for_long_behind_us() {
    let shop = Shop::with(200, 2).await;
    let pool = &shop.databases().inventory;
    let mut holding = pool.begin().await.expect("a transaction");
    holding
        .execute("select from inventory")
        .await
        .expect("a lock");
    let inventory = named("inventory");
    let waiting = shop.rebuild(inventory);
    let others = async {
        let mut longest = Duration::ZERO;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            number(pool, "select count(*) from inventory").await;
            longest = longest.max(asked.elapsed());
            sleep(Duration::from_millis(2)).await;
        }
        assert!(shop.status(inventory).await.rebuild.is_some());
        holding.commit().await.expect("a commit");
        longest
    };
    let (rebuilt, longest) = tokio::join!(waiting, others);
    rebuilt.expect("it is rebuilt");
    assert!(longest < Duration::from_millis(700), "{longest:?}");
}

#[tokio::test]
async fn a_row_that_followed_kafka_begins_anew_behind_everything_that_was_applied() {
    let mut shop = Shop::with(100, 3).await;
    let (orders, pool) = (named("orders"), shop.databases().order.clone());
    let head = shop.happens(50).await;
    shop.is_shown().await;
    let row = format!(
        r#"update checkpoint set position = 60, partitions = '{{"order/0": {head}, "order/1": 80, "order/2": 0}}';
           insert into parked (projection, aggregate_id, topic, position, reason, dead_through)
           values ('orders', gen_random_uuid(), 'order', 41, 'it was refused', 50)"#
    );
    pool.execute(row.as_str()).await.expect("a row");
    shop.rebuild(orders).await.expect("it is rebuilt");
    assert_eq!(number(&pool, "select position from checkpoint").await, head);
    let partitions = "select count(*) from checkpoint where partitions = '{}'";
    assert_eq!(number(&pool, partitions).await, 1);
    assert_eq!(number(&pool, "select count(*) from parked").await, 0);
    // On the way back everything from what waited on is tried again.
    let kept = shop.status(orders).await.previous.expect("they are kept");
    assert_eq!((kept.position, kept.usable), (40, true));
    let before = contents(shop.databases()).await;
    shop.go_back(orders).await.expect("it goes back");
    assert!(before == contents(shop.databases()).await);
}

#[tokio::test]
async fn a_statement_that_was_prepared_before_reads_the_new_rows() {
    let mut shop = Shop::with(200, 4).await;
    let user: &'static dyn Projection = named("user");
    let mut reader = shop.databases().user.acquire().await.expect("a connection");
    let count = r#"select count(*) from "user" where user_id is not null"#;
    // Often enough for a plan that is kept.
    for _ in 0..8 {
        let rows: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut *reader)
            .await
            .expect("rows");
        assert!(rows > 0);
    }
    shop.happens(300).await;
    shop.rebuild(user).await.expect("it is rebuilt");
    let rows: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *reader)
        .await
        .expect("rows");
    assert_eq!(rows, number(&shop.databases().user, count).await);
    let pages = r#"select count(*) from user_previous."user""#;
    assert!(rows > number(&shop.databases().user, pages).await);
}
