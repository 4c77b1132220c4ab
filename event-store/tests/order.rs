//! Is nothing lost, doubled or out of order? And does the same check find it when the store numbers by a sequence?

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::{ProductId, StockId};
use domain::quantity::{Adjustment, StockLevel};
use domain::stock::{Command, Error, Stock};
use embedded_postgres::testing::database;
use event_store::{Context, EventStore, ExecuteError, MIGRATOR, Unit};
use sqlx::{PgPool, Row};
use tokio::sync::Mutex;
use uuid::Uuid;

const WRITERS: usize = 16;
const STREAMS: usize = 32;
const EVENTS: usize = 10_000;

/// Positions 1..n without a hole, each stream's order kept, and a follower that ran meanwhile saw each exactly once.
async fn check(pool: &PgPool, acknowledged: usize, seen: &[(i64, Uuid)]) -> Result<(), String> {
    let rows = sqlx::query(
        "select position, aggregate_id, sequence, event_id from events order by position",
    )
    .fetch_all(pool)
    .await
    .map_err(|e| e.to_string())?;
    if rows.len() < acknowledged {
        return Err(format!(
            "{acknowledged} events were acknowledged, {} are there",
            rows.len()
        ));
    }
    let mut sequences: BTreeMap<String, i64> = BTreeMap::new();
    for (row, expected) in rows.iter().zip(1_i64..) {
        let position: i64 = row.get("position");
        if position != expected {
            return Err(format!(
                "a hole: position {position} where {expected} should be"
            ));
        }
        let last = sequences.entry(row.get("aggregate_id")).or_default();
        *last += 1;
        if row.get::<i64, _>("sequence") != *last {
            return Err(format!("position {position} is out of its stream's order"));
        }
    }
    let log: Vec<(i64, Uuid)> = rows
        .iter()
        .map(|row| (row.get("position"), row.get("event_id")))
        .collect();
    if log != seen {
        let distinct: HashSet<_> = seen.iter().collect();
        return Err(format!(
            "the follower saw {} events ({} distinct) of {}",
            seen.len(),
            distinct.len(),
            log.len()
        ));
    }
    Ok(())
}

/// Tells one of the streams to add one, sometimes hanging up; returns how many commands were acknowledged.
async fn write(
    store: EventStore,
    streams: Arc<Vec<StockId>>,
    writer: usize,
    count: usize,
) -> usize {
    let mut acknowledged = 0;
    let mut n = writer;
    while acknowledged < count {
        n = n
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let stock = streams[(n >> 33) % STREAMS];
        let command = Command::Adjust {
            by: Adjustment::try_from(1).expect("one"),
            reason: None,
        };
        let call = store.execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| unit.decide::<Stock>(stock, command.clone()),
        );
        if (n >> 40).is_multiple_of(20) {
            // A client that hangs up: its command is whole or never was, and not acknowledged.
            let _ = tokio::time::timeout(Duration::from_micros(200), call).await;
            continue;
        }
        match call.await {
            Ok(_) => acknowledged += 1,
            Err(ExecuteError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged
}

async fn open_streams(store: &EventStore) -> Arc<Vec<StockId>> {
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let product_id = ProductId::from(Uuid::now_v7());
        let stock = StockId::of(product_id);
        let level = StockLevel::try_from(0_u32).expect("zero");
        store
            .execute(
                Context::system("test"),
                move |unit: &mut Unit<'_, Error>| {
                    unit.create::<Stock>(stock, Command::Open { product_id, level })
                },
            )
            .await
            .expect("a new record opens");
        streams.push(stock);
    }
    Arc::new(streams)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_in_four_processes_leave_one_dense_log() {
    let database = database(&MIGRATOR).await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(EventStore::open(database.pool()).await.expect("opens"));
    }
    let streams = open_streams(&stores[0]).await;
    let mut subscription = event_store::Log::open(database.pool()).subscribe(0);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let follower = {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let page = subscription.next().await.expect("the log reads");
                let mut seen = seen.lock().await;
                seen.extend(page.events.iter().map(|e| (e.position, e.event_id)));
            }
        })
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            tokio::spawn(write(
                stores[n % stores.len()].clone(),
                Arc::clone(&streams),
                n,
                EVENTS / WRITERS,
            ))
        })
        .collect();
    let mut acknowledged = STREAMS;
    for writer in writers {
        acknowledged += writer.await.expect("no panic");
    }
    assert!(acknowledged >= EVENTS);
    // Commands of clients that hung up may still be on their way: quiet is when the head has stopped and was seen.
    loop {
        let head = stores[0].log().head().await.expect("a head");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let last = seen.lock().await.last().map(|(position, _)| *position);
        if last == Some(head) && stores[0].log().head().await.expect("a head") == head {
            break;
        }
    }
    follower.abort();
    let seen = seen.lock().await;
    check(&database.pool(), acknowledged, &seen)
        .await
        .expect("one dense log, seen once");
}

/// The test double: a store that numbers by a plain sequence, as many do, and a follower that remembers the last number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_check_fails_for_a_store_that_numbers_by_a_sequence() {
    let database = database(&MIGRATOR).await;
    let pool = database.pool();
    sqlx::query("create sequence number")
        .execute(&pool)
        .await
        .expect("a sequence");
    let stop = Arc::new(AtomicBool::new(false));
    let follower = {
        let (pool, stop) = (pool.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut seen: Vec<(i64, Uuid)> = Vec::new();
            loop {
                let last = stop.load(Ordering::SeqCst);
                let after = seen.last().map_or(0, |(position, _)| *position);
                let rows = sqlx::query(
                    "select position, event_id from events where position > $1 order by position",
                )
                .bind(after)
                .fetch_all(&pool)
                .await
                .expect("the log reads");
                seen.extend(
                    rows.iter()
                        .map(|row| (row.get::<i64, _>(0), row.get::<Uuid, _>(1))),
                );
                if last {
                    return seen;
                }
            }
        })
    };
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let options = database.options();
            tokio::spawn(async move {
                let pool = PgPool::connect_with(options).await.expect("connects");
                let stream = Uuid::now_v7().to_string();
                for sequence in 1..=200_i64 {
                    let mut transaction = pool.begin().await.expect("begins");
                    sqlx::query(
                        "insert into events (position, aggregate_type, aggregate_id, sequence, event_type,
                                             event_version, payload, metadata, event_id, recorded_at)
                         values (nextval('number'), 'stock', $1, $2, 'adjusted', '1', '{}', '{}', $3, now())",
                    )
                    .bind(&stream)
                    .bind(sequence)
                    .bind(Uuid::now_v7())
                    .execute(&mut *transaction)
                    .await
                    .expect("inserts");
                    if sequence % 50 == writer {
                        transaction.rollback().await.expect("rolls back");
                        break;
                    }
                    transaction.commit().await.expect("commits");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    stop.store(true, Ordering::SeqCst);
    let seen = follower.await.expect("no panic");
    let found = check(&pool, 0, &seen)
        .await
        .expect_err("a sequence leaves holes, and followers skip");
    assert!(
        found.contains("a hole") || found.contains("follower"),
        "{found}"
    );
}
