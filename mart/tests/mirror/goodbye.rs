//! SIGTERM, with a broker and without.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::shop::{Shop, Staff};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn every_role_ends_within_25_s_when_the_broker_is_unreachable() {
    for frozen in [false, true] {
        let (shop, staff) = Shop::open().await;
        let mut load = staff.load(1).await;
        load.give(200, 500).await;
        shop.databases.shown(Duration::from_secs(20)).await;
        // One that is stopped takes connections and never answers.
        if frozen {
            shop.broker.pause().await;
        } else {
            shop.broker.kill().await;
        }
        load.give(200, 500).await;
        let Staff {
            relay,
            projectors,
            write,
            read,
        } = staff;
        let ended = join_all([relay, projectors, write, read].map(async |process| {
            let name = process.name().to_owned();
            (name, process.stop().await)
        }));
        for (name, took) in ended.await {
            println!("{name} ended after {took:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn projectors_that_leave_hand_their_partitions_over_at_once() {
    let (shop, staff) = Shop::open().await;
    let mut second = shop.start("projectors");
    second.ready().await;
    let mut load = staff.load(1).await;
    load.give(300, 300).await;
    shop.databases.shown(Duration::from_secs(20)).await;
    let took = staff.projectors.stop().await;
    println!("left after {took:?}");
    let left = Instant::now();
    load.give(50, 1_000).await;
    shop.databases.shown(Duration::from_secs(10)).await;
    println!("shown {:?} after that", left.elapsed());
    shop.is_whole().await;
    second.stop().await;
}
