//! What is mirrored, and how often.

use std::time::Duration;

use projectors::relay::mirrored;
use tokio::time::sleep;

use crate::cluster::{cluster, ends};
use crate::recorded::recorded;
use crate::running::{busy, reaches, relay};

#[tokio::test]
async fn every_event_is_on_its_topics_once_and_in_order() {
    let (log, cluster) = (recorded().await, cluster());
    for _ in 0..40 {
        busy(&log, 20).await;
    }
    let relay = relay(&log, &cluster.kafka);
    // One after another, as they come in a quiet shop.
    let mut head = 0;
    for _ in 0..20 {
        head = busy(&log, 1).await;
        sleep(Duration::from_millis(3)).await;
    }
    let row = reaches(&log.pool, head).await;
    relay.end().await;
    assert_eq!(cluster.holds(&log.log()).await, 0);
    assert_eq!(row.position, head);
    assert_eq!(row.partitions, ends(&cluster.records()));
}

#[tokio::test]
async fn the_row_lists_every_partition_before_anything_has_happened() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    let row = mirrored(&log.pool).await.expect("the row");
    assert_eq!(row.position, 0);
    assert_eq!(row.partitions, ends(&cluster.records()));
    assert_eq!(row.partitions.iter().count(), 24);
    relay.end().await;
}

#[tokio::test]
async fn a_relay_that_is_killed_in_the_middle_leaves_no_hole() {
    let (log, cluster) = (recorded().await, cluster());
    let mut head = 0;
    for life in 0..4 {
        for _ in 0..20 {
            head = busy(&log, 40).await;
        }
        let mut relay = relay(&log, &cluster.kafka);
        relay.leads().await;
        sleep(Duration::from_millis(5 * life)).await;
        relay.kill().await;
    }
    let last = relay(&log, &cluster.kafka);
    reaches(&log.pool, head).await;
    last.end().await;
    cluster.holds(&log.log()).await;
}

#[tokio::test]
async fn a_relay_that_ends_orderly_leaves_nothing_to_be_said_twice() {
    let (log, cluster) = (recorded().await, cluster());
    for _ in 0..4 {
        let mut relay = relay(&log, &cluster.kafka);
        relay.leads().await;
        for _ in 0..10 {
            busy(&log, 40).await;
        }
        relay.end().await;
    }
    let head = busy(&log, 1).await;
    let last = relay(&log, &cluster.kafka);
    reaches(&log.pool, head).await;
    last.end().await;
    assert_eq!(cluster.holds(&log.log()).await, 0);
}
