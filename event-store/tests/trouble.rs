//! What does a broken connection do to what was promised?

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::{OrderId, ProductId, StockId};
use domain::quantity::{Quantity, StockLevel};
use domain::stock::{Command, Error, Stock};
use embedded_postgres::testing::database;
use event_store::{Context, EventStore, ExecuteError, MIGRATOR, Unit};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_any_moment_lose_and_double_nothing_that_was_acknowledged() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = StockLevel::try_from(1_000_000_u32).expect("a sane level");
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| {
                unit.create::<Stock>(stock, Command::Open { product_id, level })
            },
        )
        .await
        .expect("a new record opens");
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let order_id = OrderId::from(Uuid::now_v7());
                    let quantity = Quantity::try_from(1_u32).expect("one");
                    let said = store
                        .execute(
                            Context::system("test"),
                            move |unit: &mut Unit<'_, Error>| {
                                unit.decide::<Stock>(stock, Command::Reserve { order_id, quantity })
                            },
                        )
                        .await;
                    match said {
                        Ok(_) => acknowledged.push(order_id.to_string()),
                        Err(ExecuteError::Unavailable(_) | ExecuteError::Conflict) => {}
                        Err(ExecuteError::Refused(refused)) => panic!("{refused}"),
                    }
                }
                acknowledged
            })
        })
        .collect();
    let killer = sqlx::PgPool::connect_with(database.options())
        .await
        .expect("connects");
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&killer)
        .await
        .expect("the killer survives");
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("no panic"));
    }
    let stored: Vec<String> = sqlx::query_scalar(
        "select payload -> 'reserved' ->> 'order_id' from events where event_type = 'reserved' order by position",
    )
    .fetch_all(&killer)
    .await
    .expect("the log reads");
    let distinct: HashSet<_> = stored.iter().collect();
    assert_eq!(distinct.len(), stored.len(), "an order was reserved twice");
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !distinct.contains(id))
        .collect();
    assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
    assert!(!acknowledged.is_empty());
    let holes: i64 = sqlx::query_scalar("select max(position) - count(*) from events")
        .fetch_one(&killer)
        .await
        .expect("counts");
    assert_eq!(holes, 0);
    let gaps: i64 = sqlx::query_scalar(
        "select max(sequence) - count(*) from events where aggregate_type = 'stock'",
    )
    .fetch_one(&killer)
    .await
    .expect("counts");
    assert_eq!(gaps, 0, "a stream has a hole");
}

async fn open_stock(store: &EventStore) -> StockId {
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = StockLevel::try_from(5_u32).expect("five");
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| {
                unit.create::<Stock>(stock, Command::Open { product_id, level })
            },
        )
        .await
        .expect("a new record opens");
    stock
}

#[tokio::test]
async fn a_decision_that_panics_fails_alone() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let stock = open_stock(&store).await;
    let panicking = {
        let store = store.clone();
        tokio::spawn(async move {
            let said = store.execute(
                Context::system("test"),
                move |unit: &mut Unit<'_, Error>| {
                    unit.decide::<Stock>(stock, Command::Retire)?;
                    let version = unit.version::<Stock>(stock)?;
                    assert_eq!(version, 1, "a rule that nobody thought of");
                    Ok(())
                },
            );
            said.await.map(|_| ())
        })
    };
    let failed = panicking.await.expect_err("the panic reaches the caller");
    assert!(failed.is_panic(), "{failed}");
    // The writer and the cache go on, and nothing of that decision is there.
    open_stock(&store).await;
    let seen = store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| unit.version::<Stock>(stock),
        )
        .await
        .expect("reads");
    assert_eq!(seen.answer, 1);
    assert_eq!(store.log().head().await.expect("a head"), 2);
}

#[tokio::test]
async fn a_connection_that_died_while_nobody_used_it_is_not_the_callers_trouble() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&database.pool())
    .await
    .expect("the others are ended");
    store.catch_up().await.expect("asks on a new connection");
}

#[tokio::test]
async fn an_unreadable_event_stops_readers_just_before_it() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let mut live = store.log().subscribe(0);
    open_stock(&store).await;
    open_stock(&store).await;
    while live.position() < 2 {
        live.next().await.expect("what can be read");
    }
    sqlx::query(
        "with head as (update log_head set position = position + 1 returning position)
         insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select position, 'stock', gen_random_uuid(), 1, 'opened', '1', '{\"opened\":{}}', '{}', gen_random_uuid(), now()
         from head",
    )
    .execute(&database.pool())
    .await
    .expect("an event of a newer program");
    open_stock(&store).await;
    let page = store.log().read(0, 100).await.expect("reads up to it");
    assert_eq!((page.events.len(), page.through), (2, 2));
    let error = store.log().read(2, 100).await.expect_err("nobody skips it");
    assert!(
        format!("{error:#}").contains("event 1 (opened, version 1)"),
        "{error:#}"
    );
    let met = tokio::time::timeout(Duration::from_secs(10), live.next()).await;
    met.expect("whoever follows the log is told")
        .expect_err("and does not skip it");
    assert_eq!(live.position(), 2);
}
