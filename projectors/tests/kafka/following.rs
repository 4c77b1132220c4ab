//! Records come, once, twice, to one process or to two.

use std::time::{Duration, Instant};

use projectors::mirror::Kafka;
use uuid::Uuid;

use crate::databases::{contents, number, shelves};
use crate::messages::id;
use crate::mirror::Mirror;
use crate::projecting::Running;
use crate::recorded::{adjusted, created, opened, recorded, registered};
use crate::running::{LAMPS, follow_kafka, lamps, lamps_entry, replayed, stock, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_applied_as_they_come_and_the_position_follows() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;

    // The relay's row does not tell of these yet: they come through Kafka, or not at all for ten seconds.
    let head = recorded
        .append(&[adjusted(LAMPS, units + 2, 1), registered(id(3), "anne")])
        .await;
    mirror.publish_times(|_| 1).await;
    until("a lamp through Kafka", 2, async || {
        stock(databases).await == units + 1
    })
    .await;
    let users = r#"select count(*) from "user" where username = 'anne'"#;
    until("anne through Kafka", 2, async || {
        number(&databases.user, users).await == 1
    })
    .await;
    assert_eq!(lamps_entry(databases).await, head - 1);
    mirror.tell().await;
    let told = Instant::now();
    running.has_reached(head).await;
    assert!(
        told.elapsed() < Duration::from_secs(2),
        "{:?}",
        told.elapsed()
    );
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_twice_changes_nothing() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let mut more: Vec<_> = (0..50).map(|n| adjusted(LAMPS, units + 2 + n, 1)).collect();
    more.extend((10..30).map(|n| registered(id(n), &format!("customer{n}"))));
    recorded.append(&more).await;
    mirror.publish_times(|_| 2).await;
    mirror.publish_again().await;
    mirror.tell().await;
    let head = recorded.append(&[adjusted(LAMPS, units + 52, 1)]).await;
    mirror.publish().await;
    running.has_reached(head).await;
    running.stop().await;
    assert_eq!(stock(databases).await, units + 51);
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_partitions_and_one_takes_over() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 4).await;
    recorded.append(&lamps(0)).await;
    mirror.publish().await;
    let first = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let second = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    follow_kafka(&recorded, &mut mirror, databases, 0).await;
    let shelf = |n: u128| (id(0x100 + n), id(0x200 + n));
    for n in 0..20 {
        let (product, stock) = shelf(n);
        recorded
            .append(&[created(product), opened(stock, product, 5)])
            .await;
    }
    mirror.publish().await;
    let mut first = Some(first);
    let mut head = 0;
    for round in 0..30 {
        let all: Vec<(Uuid, Uuid)> = (0..20).map(shelf).collect();
        let more: Vec<_> = all
            .iter()
            .map(|(_, stock)| adjusted(*stock, round + 2, 1))
            .collect();
        head = recorded.append(&more).await;
        mirror.publish().await;
        if round == 15
            && let Some(first) = first.take()
        {
            first.stop().await;
        }
    }
    second.has_reached(head).await;
    second.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_the_log_is_followed_and_the_end_is_in_time() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mirror = Mirror::new(&recorded, 3).await;
    // The relay has led, but from here its brokers can't be reached.
    mirror.tell().await;
    recorded.append(&lamps(3)).await;
    let kafka = Kafka::new("127.0.0.1:1");
    let running = Running::start(&recorded.log(), databases, Some(&kafka));
    let head = recorded.append(&[adjusted(LAMPS, 5, 1)]).await;
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, 4);
    let told = Instant::now();
    running.stop().await;
    assert!(told.elapsed() < Duration::from_secs(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_relay_has_ever_led_the_log_is_followed() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let running = Running::start(&recorded.log(), databases, Some(&Kafka::new("127.0.0.1:1")));
    let head = recorded.append(&lamps(3)).await;
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, 3);
    running.stop().await;
}
