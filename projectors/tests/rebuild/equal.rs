//! New tables hold what the old ones held.

use projectors::projections;

use crate::databases::{clear, contents, number};
use crate::running::{Shop, named};

#[tokio::test]
async fn tables_are_byte_equal_after_a_rebuild_whatever_has_happened() {
    for seed in 1..=6 {
        let shop = Shop::with(700, seed).await;
        let before = contents(shop.databases()).await;
        for projection in projections() {
            let rebuilt = shop.rebuild(projection).await.expect("it is rebuilt");
            assert_eq!(rebuilt.position, shop.head().await);
            assert_eq!(rebuilt.resumed_at, 0);
        }
        let after = contents(shop.databases()).await;
        assert!(before == after, "seed {seed}:\n{before}\n\n{after}");
    }
}

#[tokio::test]
async fn a_log_of_many_pages_is_rebuilt_as_well() {
    let shop = Shop::with(9_000, 7).await;
    let before = contents(shop.databases()).await;
    for name in ["product", "orders"] {
        shop.rebuild(named(name)).await.expect("it is rebuilt");
    }
    assert!(before == contents(shop.databases()).await);
}

#[tokio::test]
async fn tables_that_lost_their_rows_have_them_again() {
    let shop = Shop::with(300, 8).await;
    let before = contents(shop.databases()).await;
    clear(shop.databases()).await;
    assert!(before != contents(shop.databases()).await);
    for projection in projections() {
        shop.rebuild(projection).await.expect("it is rebuilt");
    }
    assert!(before == contents(shop.databases()).await);
}

#[tokio::test]
async fn tables_that_nobody_has_filled_yet_are_filled() {
    let mut shop = Shop::with(1, 9).await;
    let inventory = &shop.databases().inventory.clone();
    sqlx::query("delete from checkpoint")
        .execute(inventory)
        .await
        .expect("it is as before the first start");
    let head = shop.happens(200).await;
    shop.rebuild(named("inventory"))
        .await
        .expect("it is rebuilt");
    assert_eq!(
        number(inventory, "select position from checkpoint").await,
        head
    );
    assert!(number(inventory, "select count(*) from inventory").await > 0);
    shop.is_shown().await;
}
