//! Verifications while the shop goes on.

use std::time::Duration;

use event_store::Log;
use projectors::mirror::Kafka;
use projectors::verify::{Difference, Report, verify};
use projectors::{ReadDatabases, parked, projections, rebuild};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::kafka::Broker;
use crate::projecting::Running;
use crate::recorded::{adjusted, created, opened, registered};
use crate::shop::Shop;

/// Ten verifications in a row, each of which finds nothing; the heads that they saw.
async fn ten_times(log: &Log, databases: &ReadDatabases, kafka: Option<&Kafka>) -> Vec<i64> {
    let never = CancellationToken::new();
    let mut heads = Vec::new();
    for _ in 0..10 {
        let report: Report = verify(log, databases, kafka, &never, |_| ())
            .await
            .expect("a report");
        assert!(report.is_well(), "{:?}", report.differences);
        heads.push(report.head);
    }
    heads
}

fn is_rising(heads: &[i64]) -> bool {
    heads.is_sorted_by(|one, next| one < next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_ten_times_while_the_log_is_followed_and_written() {
    let mut shop = Shop::with(500).await;
    let (log, databases) = (shop.log(), shop.databases().clone());
    let following = Running::start(&log, &databases, None);
    let verified = async {
        let heads = ten_times(&log, &databases, None).await;
        assert!(is_rising(&heads), "{heads:?}");
    };
    let written = async {
        loop {
            shop.happens(5).await;
        }
    };
    tokio::select! {
        () = verified => {}
        () = written => {}
    }
    following.stop().await;
    shop.is_tidy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_ten_times_while_kafka_is_followed_and_written() {
    let mut shop = Shop::with(300).await;
    let mut broker = Broker::new();
    let (log, databases, kafka) = (shop.log(), shop.databases().clone(), broker.kafka.clone());
    broker.mirror(&log).await;
    let following = Running::start(&log, &databases, Some(&kafka));
    let verified = async {
        // Until some partition is beyond the position that all have reached, as it is when Kafka is followed.
        let patience = Instant::now() + Duration::from_secs(40);
        let beyond = "select exists (select from checkpoint, jsonb_each_text(partitions) as entry
                                     where entry.value::bigint > position)";
        loop {
            let beyond: bool = sqlx::query_scalar(beyond)
                .fetch_one(&databases.inventory)
                .await
                .expect("a checkpoint");
            if beyond {
                break;
            }
            assert!(Instant::now() < patience, "it never follows Kafka");
            sleep(Duration::from_millis(5)).await;
        }
        let heads = ten_times(&log, &databases, Some(&kafka)).await;
        assert!(is_rising(&heads), "{heads:?}");
    };
    let written = async {
        loop {
            shop.happens(3).await;
            broker.mirror(&log).await;
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = verified => {}
        () = written => {}
    }
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_found_while_projections_are_made_anew_and_switched_back_and_forth() {
    let mut shop = Shop::with(500).await;
    let (log, databases) = (shop.log(), shop.databases().clone());
    let following = Running::start(&log, &databases, None);
    let verified = ten_times(&log, &databases, None);
    let switched = async {
        let never = CancellationToken::new();
        loop {
            shop.happens(20).await;
            for projection in projections() {
                let made = rebuild::rebuild(&log, &databases, projection, &|_| (), &never);
                made.await.expect("it is made anew");
                let back = rebuild::go_back(&log, &databases, projection, &|_| (), &never);
                back.await.expect("it is switched back");
            }
        }
    };
    tokio::select! {
        _ = verified => {}
        () = switched => {}
    }
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_of_some_partitions_alone_is_compared_with_just_that() {
    let mut shop = Shop::with(300).await;
    shop.is_shown().await;
    let before = shop.log().head().await.expect("a head");
    let mut broker = Broker::new();
    shop.happens(300).await;
    broker.mirror(&shop.log()).await;
    shop.is_shown().await;
    let told = shop.told(None).await;
    assert_eq!(told, [""; 0]);
    // All partitions are as far as the relay: the row says the same with its position where it was.
    let moved = sqlx::query(
        "update checkpoint set partitions = (select jsonb_object_agg('order/' || partition, $1::bigint)
                                             from generate_series(0, 2) as partition), position = $2",
    )
    .bind(shop.log().head().await.expect("a head"))
    .bind(before)
    .execute(&shop.databases().order)
    .await;
    assert_eq!(moved.expect("the row").rows_affected(), 1);
    assert_eq!(shop.told(Some(&broker.kafka)).await, [""; 0]);
    // One of them is not: what is applied of it should not be.
    let back =
        format!("update checkpoint set partitions = partitions || '{{\"order/1\": {before}}}'");
    shop.corrupt("orders", &back).await;
    let report = shop.verify(None).await;
    assert!(!report.is_well());
    for difference in &report.differences {
        let Difference::Row(row) = difference else {
            panic!("{difference}");
        };
        let key: Uuid = row.key.parse().expect("an id");
        assert_eq!(projectors::mirror::partition_of(key, 3), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_behind_a_refused_event_is_told_as_such_and_its_rows_are_no_difference() {
    let shop = Shop::with(100).await;
    let mut broker = Broker::new();
    let (log, kafka) = (shop.log(), broker.kafka.clone());
    let following = Running::start(&log, shop.databases(), Some(&kafka));
    let (chair, chairs) = (Uuid::from_u128(0xffff_0001), Uuid::from_u128(0xffff_0002));
    let refused = shop
        .recorded
        .append(&[
            created(chair),
            opened(chairs, chair, 5),
            // 2 is missing.
            adjusted(chairs, 3, 1),
        ])
        .await;
    let head = shop
        .recorded
        .append(&[registered(Uuid::from_u128(0xffff_0003), "zoe")])
        .await;
    broker.mirror(&log).await;
    let waits = async |number: usize| {
        let waiting = parked(shop.databases(), projections()[number]).await;
        !waiting.expect("a list").is_empty()
    };
    let patience = Instant::now() + Duration::from_mins(1);
    while !(waits(0).await && waits(1).await) {
        assert!(Instant::now() < patience, "it never waits");
        sleep(Duration::from_millis(50)).await;
    }
    following.has_reached(head).await;
    following.stop().await;
    let report = shop.verify(Some(&kafka)).await;
    let found: Vec<_> = report
        .differences
        .iter()
        .map(|difference| match difference {
            Difference::Parked {
                projection, parked, ..
            } => (*projection, parked.aggregate_id, parked.position),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        found,
        [("product", chairs, refused), ("inventory", chairs, refused)]
    );
    // A fresh fold would refuse it as well.
    assert!(report.projections().is_empty());
}
