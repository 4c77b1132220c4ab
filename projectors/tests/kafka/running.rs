//! Projections that follow Kafka.

use std::time::Duration;

use event_store::Log;
use projectors::mirror::Partitions;
use projectors::{Projection, ReadDatabases, projections};
use sqlx::types::Json;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::databases::{contents, number, shelves};
use crate::messages::id;
use crate::mirror::Mirror;
use crate::projecting::Running;
use crate::recorded::{Entry, Recorded, adjusted, created, opened};

pub const LAMP: Uuid = id(1);
pub const LAMPS: Uuid = id(2);

/// Waits until something is so.
pub async fn until(what: &str, seconds: u64, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(Duration::from_secs(seconds), waiting).await;
    assert!(waited.is_ok(), "not in time: {what}");
}

/// How far each partition of this projection is.
pub async fn partitions(databases: &ReadDatabases, projection: &dyn Projection) -> Partitions {
    let Json(partitions) = sqlx::query_scalar("select partitions from checkpoint")
        .fetch_one(projection.database(databases))
        .await
        .expect("a checkpoint");
    partitions
}

/// Of the projection `inventory`: how far the partition of these lamps is by its own entry.
pub async fn lamps_entry(databases: &ReadDatabases) -> i64 {
    let partitions = partitions(databases, projections()[1]).await;
    partitions
        .of_key(proto::Topic::Inventory, LAMPS)
        .unwrap_or(0)
}

pub async fn stock(databases: &ReadDatabases) -> i64 {
    number(
        &databases.inventory,
        "select coalesce(sum(stock_level), 0)::bigint from inventory",
    )
    .await
}

/// A lamp, and `units` times one more of it.
pub fn lamps(units: i64) -> Vec<Entry> {
    let mut entries = vec![created(LAMP), opened(LAMPS, LAMP, 0)];
    entries.extend((0..units).map(|n| adjusted(LAMPS, n + 2, 1)));
    entries
}

/// One more lamp at a time, until they come through Kafka and not through the log; the last one's position and number.
pub async fn follow_kafka(
    recorded: &Recorded,
    mirror: &mut Mirror,
    databases: &ReadDatabases,
    mut units: i64,
) -> (i64, i64) {
    let (mut through_kafka, began) = (0, Instant::now());
    loop {
        assert!(began.elapsed().as_secs() < 40, "it never follows Kafka");
        units += 1;
        let head = recorded.append(&[adjusted(LAMPS, units + 1, 1)]).await;
        mirror.publish().await;
        until("one more lamp", 20, async || {
            stock(databases).await == units
        })
        .await;
        through_kafka = if lamps_entry(databases).await == head {
            through_kafka + 1
        } else {
            0
        };
        if through_kafka == 5 {
            return (head, units);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What a fresh replay of the log leaves.
pub async fn replayed(log: &Log) -> String {
    let shelves = shelves().await;
    let running = Running::start(log, &shelves.pools, None);
    running.has_reached(log.head().await.expect("a head")).await;
    running.stop().await;
    contents(&shelves.pools).await
}
