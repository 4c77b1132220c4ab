//! Topics that were lost are filled anew.

use projectors::relay::{Republished, mirrored, republish};
use tokio_util::sync::CancellationToken;

use crate::cluster::{cluster, ends};
use crate::recorded::recorded;
use crate::running::{busy, reaches, relay};

#[tokio::test]
async fn lost_topics_are_filled_with_the_same_ids_keys_and_bytes() {
    let (log, lost) = (recorded().await, cluster());
    let first = relay(&log, &lost.kafka);
    let mut head = 0;
    for _ in 0..20 {
        head = busy(&log, 20).await;
    }
    reaches(&log.pool, head).await;
    first.end().await;
    let before = lost.records();
    let anew = cluster();
    let mut told = Vec::new();
    let done = republish(
        &log.log(),
        &anew.kafka,
        0,
        |done| told.push(done),
        &CancellationToken::new(),
    )
    .await
    .expect("it is republished");
    let position = head;
    assert_eq!(done, Republished { position, head });
    assert_eq!(told.last(), Some(&done));
    assert_eq!(anew.records(), before);
    // The lease is free again.
    let next = relay(&log, &anew.kafka);
    let head = busy(&log, 20).await;
    reaches(&log.pool, head).await;
    next.end().await;
    assert_eq!(anew.holds(&log.log()).await, 0);
}

#[tokio::test]
async fn a_part_of_the_log_continues_the_chain_and_replaces_the_leader() {
    let (log, cluster) = (recorded().await, cluster());
    let mut leader = relay(&log, &cluster.kafka);
    leader.leads().await;
    let middle = busy(&log, 20).await;
    let head = busy(&log, 20).await;
    reaches(&log.pool, head).await;
    let before = cluster.records();
    let shutdown = CancellationToken::new();
    let from = middle - 7;
    let told = |_| {};
    let done = republish(&log.log(), &cluster.kafka, from, told, &shutdown).await;
    assert_eq!(done.expect("it is republished").position, head);
    let row = mirrored(&log.pool).await.expect("the row");
    assert_eq!(row.partitions, ends(&before));
    for (place, seen) in cluster.records() {
        let (old, new) = seen.split_at(before[&place].len());
        let again: Vec<_> = old.iter().filter(|seen| seen.position > from).collect();
        assert_eq!(new.iter().collect::<Vec<_>>(), again, "{place:?}");
    }
    let head = busy(&log, 5).await;
    reaches(&log.pool, head).await;
    leader.leads().await;
    leader.end().await;
}

#[tokio::test]
async fn there_is_nothing_after_the_logs_end() {
    let (log, cluster) = (recorded().await, cluster());
    let shutdown = CancellationToken::new();
    let refused = republish(&log.log(), &cluster.kafka, 5, |_| {}, &shutdown).await;
    assert_eq!(
        refused.expect_err("no such position").to_string(),
        "there is no position 5: the log ends at 0"
    );
}

#[tokio::test]
async fn what_was_never_published_is_not_left_out() {
    let (log, cluster) = (recorded().await, cluster());
    busy(&log, 20).await;
    let head = busy(&log, 20).await;
    let shutdown = CancellationToken::new();
    let done = republish(&log.log(), &cluster.kafka, head - 5, |_| {}, &shutdown).await;
    assert_eq!(done.expect("it is republished").position, head);
    assert_eq!(cluster.holds(&log.log()).await, 0);
}
