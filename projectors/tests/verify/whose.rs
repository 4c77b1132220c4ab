//! Tables that are behind, of another version or log, and what a verification leaves behind.

use projectors::verify::verify;
use tokio_util::sync::CancellationToken;

use crate::databases::{contents, number};
use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_that_are_behind_or_were_never_filled_are_well_and_nothing_is_put_in_their_queue()
 {
    let mut shop = Shop::with(300).await;
    let empty = contents(shop.databases()).await;
    assert_eq!(shop.told(None).await, [""; 0]);
    assert_eq!(contents(shop.databases()).await, empty);
    shop.is_shown().await;
    let before = contents(shop.databases()).await;
    shop.happens(300).await;
    let report = shop.verify(None).await;
    assert!(report.is_well(), "{report:?}");
    assert_eq!(report.head, shop.log().head().await.expect("a head"));
    assert_eq!(contents(shop.databases()).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_version_or_log_or_beyond_the_logs_end_are_told_as_such() {
    let shop = Shop::with(100).await;
    shop.is_shown().await;
    let head = shop.log().head().await.expect("a head");
    shop.corrupt("orders", "update checkpoint set version = 99")
        .await;
    let another = "update checkpoint set log = '00000000-0000-0000-0000-000000000001'";
    shop.corrupt("user", another).await;
    shop.corrupt("payment", "update checkpoint set position = position + 5")
        .await;
    let told = shop.told(None).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("orders: its tables are of version 99"),
        "{told:?}"
    );
    assert_eq!(
        told[1],
        "user: its rows are of another log, 00000000-0000-0000-0000-000000000001"
    );
    let beyond = format!(
        "payment: has applied position {}, but the log ends at {head}",
        head + 5
    );
    assert_eq!(told[2], beyond);
    // Rows of another log are not for this program to throw away.
    let broken = shop.verify(None).await.projections();
    let broken: Vec<_> = broken.iter().map(|projection| projection.name()).collect();
    assert_eq!(broken, ["orders"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_that_was_killed_left_behind_is_dropped() {
    let shop = Shop::with(100).await;
    shop.is_shown().await;
    for statement in [
        "create schema orders_verify",
        "create table orders_verify.orders (like orders)",
        "insert into orders_verify.orders select * from orders limit 1",
    ] {
        sqlx::query(statement)
            .execute(&shop.databases().order)
            .await
            .expect(statement);
    }
    assert_eq!(shop.told(None).await, [""; 0]);
    shop.is_tidy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_at_once_is_refused_and_one_that_is_stopped_leaves_nothing() {
    let shop = Shop::with(100).await;
    let mut other = shop
        .databases()
        .order
        .acquire()
        .await
        .expect("a connection");
    sqlx::query("select pg_advisory_lock(hashtextextended('online-mart orders_verify', 0))")
        .execute(&mut *other)
        .await
        .expect("the lock");
    let (log, ended) = (shop.log(), CancellationToken::new());
    let refused = verify(&log, shop.databases(), None, &ended, |_| ()).await;
    let refused = format!("{:#}", refused.expect_err("somebody else verifies"));
    assert_eq!(refused, "projection orders is being verified already");
    shop.is_tidy().await;
    drop(other.detach());
    // The session may live a moment longer.
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and database =
                     (select oid from pg_database where datname = current_database())";
    while number(&shop.databases().order, locks).await > 0 {}

    ended.cancel();
    shop.is_shown().await;
    let stopped = verify(&log, shop.databases(), None, &ended, |_| ()).await;
    assert!(stopped.is_err());
    shop.is_tidy().await;
    assert_eq!(shop.told(None).await, [""; 0]);
}
