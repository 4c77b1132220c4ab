//! What a start finds, and does about it.

use sqlx::Executor as _;

use crate::databases::{contents, number};
use crate::running::{Shop, named, until};

#[tokio::test]
async fn tables_of_an_earlier_version_are_rebuilt_at_the_start() {
    let mut shop = Shop::with(300, 1).await;
    let pool = shop.databases().inventory.clone();
    let head = shop.happens(100).await;
    pool.execute(
        "update checkpoint set version = 0; update inventory set sold_stock = 7, version = version + 5",
    )
    .await
    .expect("tables of another fold");
    shop.is_shown().await;
    let version = "select version::bigint from checkpoint";
    assert_eq!(number(&pool, version).await, 1);
    assert_eq!(number(&pool, "select position from checkpoint").await, head);
    let kept = shop.status(named("inventory")).await.previous;
    let kept = kept.expect("they are kept");
    assert_eq!((kept.version, kept.usable), (0, false));
    let live = contents(shop.databases()).await;
    shop.rebuild(named("inventory"))
        .await
        .expect("it is rebuilt");
    assert!(live == contents(shop.databases()).await);
}

#[tokio::test]
async fn old_rows_stay_while_they_are_rebuilt_and_nobody_else_touches_them() {
    let shop = Shop::with(300, 2).await;
    let pool = &shop.databases().inventory;
    pool.execute("update checkpoint set version = 0")
        .await
        .expect("an earlier version");
    let rows = number(pool, "select count(*) from inventory").await;
    // The switch has to wait: somebody reads.
    let mut reading = pool.begin().await.expect("a transaction");
    reading
        .execute("select from inventory")
        .await
        .expect("rows");
    let following = shop.follow();
    until("it is being rebuilt", async || {
        shop.status(named("inventory")).await.rebuild.is_some()
    })
    .await;
    until("the follower says so", async || {
        let trouble = following.progress.of("inventory").trouble();
        trouble.is_some_and(|trouble| trouble.contains("rebuilt"))
    })
    .await;
    assert_eq!(number(pool, "select count(*) from inventory").await, rows);
    reading.commit().await.expect("a commit");
    following.has_reached(shop.head().await).await;
    assert_eq!(following.progress.of("inventory").trouble(), None);
    following.stop().await;
}

#[tokio::test]
async fn a_start_goes_on_with_what_was_interrupted() {
    let shop = Shop::with(200, 3).await;
    let before = contents(shop.databases()).await;
    let product = named("product");
    shop.interrupt(product).await;
    assert_eq!(shop.schemas(product).await, ["product_next"]);
    let following = shop.follow();
    until("it is finished", async || {
        shop.schemas(product).await == ["product_previous"]
    })
    .await;
    following.stop().await;
    assert_eq!(shop.status(product).await.rebuild, None);
    assert!(before == contents(shop.databases()).await);
}

#[tokio::test]
async fn a_start_begins_anew_what_is_of_another_version_shape_or_log() {
    for change in [
        "update rebuild set version = 0",
        "update rebuild set shape = 1; update orders_next.checkpoint set shape = 1",
        "update orders_next.checkpoint set log = gen_random_uuid()",
    ] {
        let shop = Shop::with(100, 4).await;
        let before = contents(shop.databases()).await;
        let orders = named("orders");
        shop.interrupt(orders).await;
        let pool = &shop.databases().order;
        // Nobody may go on with this.
        let spoil = format!("create table orders_next.spoilt (); {change}");
        pool.execute(spoil.as_str()).await.expect("a change");
        let following = shop.follow();
        until("it is finished", async || {
            shop.schemas(orders).await == ["orders_previous"]
        })
        .await;
        following.stop().await;
        assert!(before == contents(shop.databases()).await);
    }
}

#[tokio::test]
async fn a_start_leaves_no_tables_lying_about() {
    let shop = Shop::with(100, 5).await;
    let orders = named("orders");
    let pool = &shop.databases().order;
    pool.execute(
        "create schema orders_next; create table orders_next.orders ();
         create schema orders_outdated; create table orders_outdated.orders ()",
    )
    .await
    .expect("what a crash leaves");
    let following = shop.follow();
    until("they are gone", async || {
        shop.schemas(orders).await.is_empty()
    })
    .await;
    following.stop().await;
}

#[tokio::test]
async fn a_start_drops_what_a_killed_verification_left() {
    let shop = Shop::with(50, 5).await;
    let product = named("product");
    let pool = &shop.databases().product;
    pool.execute("create schema product_verify; create table product_verify.product (id int)")
        .await
        .expect("leftovers");
    // While one is under way, its tables are its own.
    let mut verifying = pool.acquire().await.expect("a connection");
    verifying
        .execute("select pg_advisory_lock(hashtextextended('online-mart product_verify', 0))")
        .await
        .expect("its lock");
    shop.is_shown().await;
    assert_eq!(shop.schemas(product).await, ["product_verify"]);
    verifying
        .execute("select pg_advisory_unlock_all()")
        .await
        .expect("its end");
    let following = shop.follow();
    until("it is dropped", async || {
        shop.schemas(product).await.is_empty()
    })
    .await;
    following.stop().await;
}
