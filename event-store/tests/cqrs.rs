//! Do cqrs-es and postgres-es work on our log?

use std::collections::HashMap;

use cqrs_es::persist::PersistedEventRepository;
use cqrs_es::{AggregateError, CqrsFramework};
use domain::id::{ProductId, StockId};
use domain::quantity::{Quantity, StockLevel};
use domain::stock::{Command, Error, Event, Stock};
use embedded_postgres::testing::database;
use event_store::cqrs::{Adapted, AdaptedEvent, CqrsStore};
use event_store::{Context, EventStore, MIGRATOR, Unit};
use postgres_es::PostgresEventRepository;
use uuid::Uuid;

#[tokio::test]
async fn the_cqrs_framework_runs_our_aggregates_on_our_log() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let framework: CqrsFramework<Adapted<Stock>, _> =
        CqrsFramework::new(CqrsStore(store.clone()), vec![], ());
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = |units: u32| StockLevel::try_from(units).expect("a sane level");
    let metadata = HashMap::from([("actor".to_owned(), "system".to_owned())]);
    framework
        .execute_with_metadata(
            &stock.to_string(),
            Command::Open {
                product_id,
                level: level(3),
            },
            metadata,
        )
        .await
        .expect("opens");
    framework
        .execute(&stock.to_string(), Command::SetLevel { level: level(5) })
        .await
        .expect("sets");
    let refused = framework
        .execute(
            &stock.to_string(),
            Command::Reserve {
                order_id: Uuid::now_v7().into(),
                quantity: Quantity::try_from(6_u32).expect("six"),
            },
        )
        .await;
    assert!(
        matches!(
            refused,
            Err(AggregateError::UserError(Error::Insufficient {
                available: 5
            }))
        ),
        "{refused:?}"
    );
    // Ours sees what went through theirs, and the log publishes it.
    let seen = store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| unit.get::<Stock>(stock),
        )
        .await
        .expect("reads");
    assert_eq!(seen.answer.levels().expect("open").level, 5);
    assert_eq!(
        store.log().read(0, 10).await.expect("reads").events.len(),
        2
    );
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_leaves_no_stale_copy() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = |units: u32| StockLevel::try_from(units).expect("a sane level");
    let (before, after) = (level(3), level(7));
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| {
                let level = before;
                unit.create::<Stock>(stock, Command::Open { product_id, level })
            },
        )
        .await
        .expect("opens");
    let theirs = CqrsStore(store.clone());
    let loaded = cqrs_es::EventStore::<Adapted<Stock>>::load_aggregate(&theirs, &stock.to_string())
        .await
        .expect("loads");
    let set = AdaptedEvent(Event::LevelSet { level: after });
    {
        let commit = std::pin::pin!(cqrs_es::EventStore::<Adapted<Stock>>::commit(
            &theirs,
            vec![set],
            loaded,
            HashMap::new()
        ));
        assert!(futures::poll!(commit).is_pending(), "queued");
    } // and the caller hangs up
    store.catch_up().await.expect("behind what is queued");
    assert_eq!(store.log().head().await.expect("a head"), 2);
    let seen = store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| unit.get::<Stock>(stock),
        )
        .await
        .expect("reads");
    assert_eq!(seen.answer.levels().expect("open").level, 7);
}

#[tokio::test]
async fn postgres_es_reads_the_same_table() {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await.expect("opens");
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = StockLevel::try_from(3_u32).expect("three");
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| {
                unit.create::<Stock>(stock, Command::Open { product_id, level })?;
                unit.decide::<Stock>(stock, Command::Retire)
            },
        )
        .await
        .expect("opens and retires");
    let theirs = PostgresEventRepository::new(database.pool());
    let events = theirs
        .get_events::<Adapted<Stock>>(&stock.to_string())
        .await
        .expect("their query fits our columns");
    let told: Vec<_> = events
        .iter()
        .map(|e| (e.sequence, e.event_type.as_str(), e.event_version.as_str()))
        .collect();
    assert_eq!(told, [(1, "opened", "1"), (2, "retired", "1")]);
    assert_eq!(events[0].payload["opened"]["level"], 3);
    assert_eq!(events[0].metadata["actor"], "system");
}
