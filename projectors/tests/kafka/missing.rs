//! What is missing on Kafka comes from the log.

use crate::databases::{contents, shelves};
use crate::messages::id;
use crate::mirror::Mirror;
use crate::projecting::Running;
use crate::recorded::{adjusted, recorded, registered};
use crate::running::{LAMPS, follow_kafka, lamps, lamps_entry, partitions, replayed, stock, until};
use projectors::projections;
use proto::inventory::v1::inventory_event::Event;
use proto::inventory::v1::{InventoryEvent, StockAdjusted};
use proto::{Message, Topic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_lost_is_noticed_by_the_next_one() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (position, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let more: Vec<_> = (0..10).map(|n| adjusted(LAMPS, units + 2 + n, 1)).collect();
    let head = recorded.append(&more).await;
    let lost = [position + 3, position + 4, position + 7];
    mirror
        .publish_times(|event| usize::from(!lost.contains(&event.position)))
        .await;
    // The relay's row says nothing: only the records' own chain can tell.
    until("all ten", 2, async || stock(databases).await == units + 10).await;
    mirror.tell().await;
    running.has_reached(head).await;
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_another_log_is_left_out() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 1).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (before, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let head = recorded
        .append(&[registered(id(77), "joan"), adjusted(LAMPS, units + 2, 1)])
        .await;
    // What a shop whose databases were dropped had at this position: it would fit, and hide what really happened.
    let page = recorded.log().read(head - 1, 1).await.expect("a page");
    let mut stranger = (*page.events[0]).clone();
    stranger.position = head - 1;
    stranger.message = Message::Inventory(InventoryEvent {
        event: Some(Event::Adjusted(StockAdjusted {
            by: 1_000,
            reason: None,
        })),
    });
    let entry = lamps_entry(databases).await;
    let other = uuid::Uuid::from_u128(1);
    mirror
        .send_of(other, Topic::Inventory, 0, &stranger, entry)
        .await;
    mirror.publish().await;
    until("the real lamp", 2, async || {
        lamps_entry(databases).await == head
    })
    .await;
    assert!(before < head - 1);
    assert_eq!(stock(databases).await, units + 1);
    running.has_reached(head).await;
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_record_that_was_lost_is_noticed_by_the_relays_row() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let head = recorded.append(&[adjusted(LAMPS, units + 2, 1)]).await;
    mirror.publish_times(|_| 0).await;
    mirror.tell().await;
    until("the lost lamp", 6, async || {
        stock(databases).await == units + 1
    })
    .await;
    running.has_reached(head).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_is_mirrored_the_log_is_followed_and_afterwards_kafka_again() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    recorded.append(&[adjusted(LAMPS, units + 2, 1)]).await;
    until("a lamp without a relay", 15, async || {
        stock(databases).await == units + 1
    })
    .await;
    recorded.append(&[adjusted(LAMPS, units + 3, 1)]).await;
    until("the next at once", 2, async || {
        stock(databases).await == units + 2
    })
    .await;
    mirror.publish().await;
    let (head, _) = follow_kafka(&recorded, &mut mirror, databases, units + 2).await;
    running.has_reached(head).await;
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_a_crashed_server_has_lost_are_made_anew() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (head, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    running.has_reached(head).await;
    // As the tables were before anything was committed.
    sqlx::raw_sql(
        "begin; delete from inventory;
         update checkpoint set position = 0,
             partitions = (select jsonb_object_agg(key, 0) from jsonb_each(partitions));
         commit",
    )
    .execute(&databases.inventory)
    .await
    .expect("a loss");
    until("all lamps again", 8, async || {
        stock(databases).await == units
    })
    .await;
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_made_anew_with_other_partitions_lose_nothing() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut before = Mirror::new(&recorded, 3).await;
    let mut entries = lamps(3);
    entries.extend((10..40).map(|n| registered(id(n), &format!("customer{n}"))));
    recorded.append(&entries).await;
    before.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&before.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut before, databases, 3).await;
    running.stop().await;

    let mut after = Mirror::new(&recorded, 5).await;
    let running = Running::start(&recorded.log(), databases, Some(&after.kafka()));
    until("the other partitions", 20, async || {
        let partitions = partitions(databases, projections()[1]).await;
        partitions.count(Topic::Inventory) == 5
    })
    .await;
    let all = (100..140).map(|n| registered(id(n), &format!("customer{n}")));
    recorded.append(&all.collect::<Vec<_>>()).await;
    after.publish().await;
    let (head, units) = follow_kafka(&recorded, &mut after, databases, units).await;
    assert_eq!(lamps_entry(databases).await, head);
    running.has_reached(head).await;
    running.stop().await;
    assert_eq!(stock(databases).await, units);
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}
