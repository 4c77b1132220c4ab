//! Rebuilds that are stopped, cancelled, killed, or tried twice at once.

use std::sync::Mutex;
use std::time::Duration;

use projectors::rebuild::{self, RebuildError, Status};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::databases::{contents, number};
use crate::running::{Shop, named, until};

#[tokio::test]
async fn what_was_interrupted_is_gone_on_with() {
    let shop = Shop::with(7_000, 1).await;
    let before = contents(shop.databases()).await;
    let orders = named("orders");
    let shutdown = CancellationToken::new();
    let begun = rebuild::begin(&shop.log(), shop.databases(), orders).await;
    let (begun, pool) = (begun.expect("it begins"), &shop.databases().order);
    let some = async {
        until("a page", async || {
            number(pool, "select position from orders_next.checkpoint").await > 0
        })
        .await;
        shutdown.cancel();
    };
    let (end, ()) = tokio::join!(begun.run(&|_| (), &shutdown), some);
    if let Err(error) = end {
        assert!(matches!(error, RebuildError::Stopped("orders")), "{error}");
        let came = shop.position_beside(orders).await;
        let status = shop.status(orders).await.rebuild.expect("it is open");
        assert!(!status.running);
        let rebuilt = shop.rebuild(orders).await.expect("it is rebuilt");
        assert_eq!(rebuilt.resumed_at, came);
    }
    assert!(before == contents(shop.databases()).await);
    assert_eq!(shop.schemas(orders).await, ["orders_previous"]);
}

#[tokio::test]
async fn a_process_that_dies_leaves_the_live_tables_and_a_rebuild_to_go_on_with() {
    let shop = Shop::with(6_000, 2).await;
    let before = contents(shop.databases()).await;
    let inventory = named("inventory");
    for millis in [1, 5, 20, 60, 150, 300] {
        let never = CancellationToken::new();
        let (log, databases) = (shop.log(), shop.databases());
        let killed = rebuild::rebuild(&log, databases, inventory, &|_| (), &never);
        // Dropped in the middle of whatever it does.
        let _ = timeout(Duration::from_millis(millis), killed).await;
        assert!(before == contents(shop.databases()).await);
    }
    shop.rebuild(inventory).await.expect("it is rebuilt");
    assert!(before == contents(shop.databases()).await);
    assert_eq!(shop.status(inventory).await.rebuild, None);
    assert_eq!(shop.schemas(inventory).await, ["inventory_previous"]);
}

#[tokio::test]
async fn a_second_one_at_once_is_refused_but_not_of_another_projection() {
    let shop = Shop::with(100, 3).await;
    let (orders, user) = (named("orders"), named("user"));
    let begun = rebuild::begin(&shop.log(), shop.databases(), orders).await;
    let begun = begun.expect("it begins");
    assert!(shop.status(orders).await.rebuild.expect("it runs").running);
    for again in [
        shop.rebuild(orders).await.map(drop),
        shop.go_back(orders).await.map(drop),
        rebuild::drop_previous(shop.databases(), orders).await,
    ] {
        assert!(matches!(again, Err(RebuildError::Running("orders"))));
    }
    shop.rebuild(user).await.expect("it is rebuilt");
    let never = CancellationToken::new();
    begun.run(&|_| (), &never).await.expect("it is rebuilt");
    shop.rebuild(orders).await.expect("it is rebuilt");
}

#[tokio::test]
async fn one_that_is_cancelled_leaves_nothing() {
    let mut shop = Shop::with(3_000, 4).await;
    let before = contents(shop.databases()).await;
    let product = named("product");
    let nothing = rebuild::cancel(shop.databases(), product).await;
    assert!(matches!(
        nothing,
        Err(RebuildError::NothingRunning("product"))
    ));
    let begun = rebuild::begin(&shop.log(), shop.databases(), product).await;
    rebuild::cancel(shop.databases(), product)
        .await
        .expect("it runs");
    assert!(
        shop.status(product)
            .await
            .rebuild
            .expect("it runs")
            .cancelled
    );
    let never = CancellationToken::new();
    let end = begun.expect("it begins").run(&|_| (), &never).await;
    assert!(
        matches!(end, Err(RebuildError::Cancelled("product"))),
        "{end:?}"
    );
    assert_eq!(shop.status(product).await, Status::default());
    assert!(shop.schemas(product).await.is_empty());
    assert!(before == contents(shop.databases()).await);

    // Also where nobody works on it any more.
    shop.interrupt(product).await;
    rebuild::cancel(shop.databases(), product)
        .await
        .expect("there is one");
    assert_eq!(shop.status(product).await, Status::default());
    assert!(shop.schemas(product).await.is_empty());
    shop.happens(10).await;
    shop.is_shown().await;
}

#[tokio::test]
async fn its_progress_is_told_to_whoever_looks() {
    let shop = Shop::with(5_000, 5).await;
    let head = shop.head().await;
    let orders = named("orders");
    let told = Mutex::new(Vec::new());
    let tell = |progress| told.lock().expect("nobody panics").push(progress);
    // It has to wait with the switch until it was seen.
    let mut reading = shop.databases().order.begin().await.expect("a transaction");
    sqlx::query("select from orders")
        .execute(&mut *reading)
        .await
        .expect("rows");
    let never = CancellationToken::new();
    let begun = rebuild::begin(&shop.log(), shop.databases(), orders).await;
    let run = begun.expect("it begins").run(&tell, &never);
    let looked = async {
        loop {
            let rebuild = shop.status(orders).await.rebuild;
            if let Some(rebuild) = rebuild.filter(|rebuild| rebuild.position > 0) {
                reading.commit().await.expect("a commit");
                return rebuild;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let (rebuilt, seen) = tokio::join!(run, timeout(Duration::from_secs(20), looked));
    assert_eq!(rebuilt.expect("it is rebuilt").position, head);
    let told = told.into_inner().expect("nobody panicked");
    assert!(told.iter().all(|t| t.running && t.head == head));
    let positions: Vec<_> = told.iter().map(|progress| progress.position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    let seen = seen.expect("it is seen on its way");
    assert!(seen.position <= head && seen.events_per_second > 0.0);
    assert!(seen.seconds_left.is_some());
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_ends_it_and_the_live_tables_stay() {
    let mut shop = Shop::with(100, 6).await;
    let inventory = named("inventory");
    let before = contents(shop.databases()).await;
    sqlx::raw_sql(
        "alter table events disable trigger append_only;
         update events set sequence = 77 where position = (
             select max(position) from events where aggregate_type = 'stock')",
    )
    .execute(&shop.recorded.pool)
    .await
    .expect("the log is broken");
    let end = shop.rebuild(inventory).await;
    assert!(matches!(end, Err(RebuildError::Refused(_))), "{end:?}");
    assert!(before == contents(shop.databases()).await);
    assert!(shop.schemas(inventory).await.is_empty());
    let status = shop.status(inventory).await.rebuild.expect("a reason");
    assert!(!status.running);
    assert!(status.error.expect("a reason").contains("cannot be folded"));
    shop.happens(1).await;
}
