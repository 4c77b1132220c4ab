//! The way back.

use projectors::rebuild::{self, Previous, RebuildError};
use sqlx::Executor as _;

use crate::databases::{contents, number};
use crate::running::{Shop, named, until};

#[tokio::test]
async fn going_back_shows_the_tables_of_before_with_all_that_has_happened_since() {
    let mut shop = Shop::with(300, 1).await;
    let (inventory, pool) = (named("inventory"), shop.databases().inventory.clone());
    let none = shop.go_back(inventory).await;
    assert!(matches!(none, Err(RebuildError::NoPrevious("inventory"))));
    let then = shop.head().await;
    shop.rebuild(inventory).await.expect("it is rebuilt");
    // What tells the two apart.
    pool.execute("comment on table inventory is 'new'")
        .await
        .expect("a comment");
    let previous = shop.status(inventory).await.previous;
    let expected = Previous {
        version: 1,
        position: then,
        usable: true,
    };
    assert_eq!(previous, Some(expected));

    let head = shop.happens(200).await;
    shop.is_shown().await;
    let before = contents(shop.databases()).await;
    let comments = "select count(*) from pg_description where objoid = 'inventory'::regclass";
    assert_eq!(number(&pool, comments).await, 1);
    let back = shop.go_back(inventory).await.expect("it goes back");
    assert_eq!((back.resumed_at, back.position), (then, head));
    assert_eq!(number(&pool, comments).await, 0);
    assert!(before == contents(shop.databases()).await);
    shop.go_back(inventory).await.expect("and forth");
    assert_eq!(number(&pool, comments).await, 1);
    assert!(before == contents(shop.databases()).await);
    assert_eq!(shop.schemas(inventory).await, ["inventory_previous"]);
}

#[tokio::test]
async fn there_is_no_way_back_once_they_are_dropped_or_of_another_version_or_shape() {
    let shop = Shop::with(50, 2).await;
    let (user, pool) = (named("user"), &shop.databases().user);
    shop.rebuild(user).await.expect("it is rebuilt");
    for change in [
        "update user_previous.checkpoint set version = version + 1",
        "update user_previous.checkpoint set version = version - 1, shape = shape - 1",
    ] {
        pool.execute(change).await.expect("a change");
        let other = shop.go_back(user).await;
        assert!(
            matches!(other, Err(RebuildError::OtherPrevious { .. })),
            "{other:?}"
        );
        let previous = shop.status(user).await.previous;
        assert!(!previous.expect("they are there").usable);
    }
    rebuild::drop_previous(shop.databases(), user)
        .await
        .expect("they are dropped");
    assert!(shop.schemas(user).await.is_empty());
    let again = rebuild::drop_previous(shop.databases(), user).await;
    assert!(matches!(again, Err(RebuildError::NoPrevious("user"))));
    assert!(shop.go_back(user).await.is_err());
}

#[tokio::test]
async fn going_back_that_is_cancelled_or_interrupted_keeps_the_way_back() {
    let shop = Shop::with(100, 3).await;
    let orders = named("orders");
    shop.rebuild(orders).await.expect("it is rebuilt");
    let before = contents(shop.databases()).await;
    let log = shop.log();
    let begin_back = || rebuild::begin_back(&log, shop.databases(), orders);
    drop(begin_back().await.expect("it begins"));
    assert!(shop.status(orders).await.rebuild.expect("it is open").back);
    until("nobody holds it", async || {
        !shop.status(orders).await.rebuild.expect("open").running
    })
    .await;
    rebuild::cancel(shop.databases(), orders)
        .await
        .expect("it is cancelled");
    assert_eq!(shop.schemas(orders).await, ["orders_previous"]);
    assert!(shop.status(orders).await.previous.is_some());

    // One that died on its way back is in nobody's way.
    drop(begin_back().await.expect("it begins"));
    shop.rebuild(orders).await.expect("it is rebuilt");
    assert!(before == contents(shop.databases()).await);
    assert_eq!(shop.schemas(orders).await, ["orders_previous"]);
}
