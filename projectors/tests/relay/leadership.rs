//! One of several relays mirrors, and no other.

use std::time::Duration;

use projectors::relay::{RelayState, mirrored};
use tokio::time::{Instant, sleep};

use crate::cluster::cluster;
use crate::recorded::recorded;
use crate::running::{PACE, busy, reaches, relay};

#[tokio::test]
async fn of_two_relays_one_mirrors_and_the_other_follows_at_once() {
    let (log, cluster) = (recorded().await, cluster());
    let mut first = relay(&log, &cluster.kafka);
    first.leads().await;
    let mut second = relay(&log, &cluster.kafka);
    second.stands_by().await;
    let head = busy(&log, 50).await;
    reaches(&log.pool, head).await;
    assert_eq!(*second.state.borrow(), RelayState::Standby);
    first.end().await;
    let began = Instant::now();
    second.leads().await;
    // The lease was given back, it did not run out.
    assert!(
        began.elapsed() + PACE.renew < PACE.lease,
        "took {:?}",
        began.elapsed()
    );
    let head = busy(&log, 50).await;
    reaches(&log.pool, head).await;
    second.end().await;
    assert_eq!(cluster.holds(&log.log()).await, 0);
}

#[tokio::test]
async fn a_lease_that_nobody_renews_runs_out() {
    let (log, cluster) = (recorded().await, cluster());
    let mut first = relay(&log, &cluster.kafka);
    first.leads().await;
    let mut second = relay(&log, &cluster.kafka);
    second.stands_by().await;
    first.kill().await;
    let head = busy(&log, 50).await;
    let began = Instant::now();
    second.leads().await;
    let longest = PACE.lease + PACE.look + Duration::from_secs(2);
    assert!(began.elapsed() < longest, "took {:?}", began.elapsed());
    reaches(&log.pool, head).await;
    second.end().await;
    cluster.holds(&log.log()).await;
}

#[tokio::test]
async fn a_leader_that_was_replaced_says_and_writes_nothing_more() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    let head = busy(&log, 10).await;
    let before = reaches(&log.pool, head).await;
    sqlx::query(
        "update relay set epoch = epoch + 1, leased_until = clock_timestamp() + interval '1 h'",
    )
    .execute(&log.pool)
    .await
    .expect("the row");
    relay.stands_by().await;
    let said = cluster.records();
    busy(&log, 10).await;
    sleep(PACE.look * 3).await;
    assert_eq!(*relay.state.borrow(), RelayState::Standby);
    assert_eq!(cluster.records(), said);
    let after = mirrored(&log.pool).await.expect("the row");
    assert_eq!(after, before);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_slept_through_its_lease_knows_without_asking() {
    let (log, cluster) = (recorded().await, cluster());
    // Its clock alone can tell: it never reaches the database again.
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    let head = busy(&log, 10).await;
    reaches(&log.pool, head).await;
    log.pool.close().await;
    let began = Instant::now();
    relay.stands_by().await;
    assert!(
        began.elapsed() < PACE.lease + Duration::from_secs(1),
        "took {:?}",
        began.elapsed()
    );
    relay.end().await;
}
