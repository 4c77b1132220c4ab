//! Records that are gone, or come again: read models do not change by it.

use std::time::Duration;

use projectors::projections;
use proto::Topic;
use tokio::time::sleep;

use crate::read_models::{dump, same};
use crate::shop::Shop;
use crate::topics::of_the_mirror;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn topics_truncated_under_the_consumers_feet_leave_no_hole() {
    let (shop, staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(500, 500).await;
    shop.databases.shown(Duration::from_secs(20)).await;
    staff.projectors.pause();
    load.give(1_000, 500).await;
    shop.databases.mirrored(Duration::from_secs(20)).await;
    let (topics, mut gone) = (shop.topics(), 0);
    for name in of_the_mirror() {
        gone += topics.truncate(&name).await;
    }
    assert!(gone > 1_000, "{gone}");
    staff.projectors.resume();
    shop.databases.shown(Duration::from_secs(30)).await;
    load.give(300, 500).await;
    shop.databases.shown(Duration::from_secs(30)).await;
    crate::read_models::compare(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn records_read_again_or_published_twice_change_nothing() {
    let (shop, mut staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(1_000, 500).await;
    shop.is_whole().await;
    let before = dump(&shop.databases).await;

    // Every group reads from the beginning again.
    staff.projectors.stop().await;
    let topics = shop.topics();
    for projection in projections() {
        for topic in projection.topics() {
            topics.rewind(projection.name(), *topic).await;
        }
    }
    staff.projectors = shop.start("projectors");
    staff.projectors.ready().await;
    sleep(Duration::from_secs(5)).await;
    same(&dump(&shop.databases).await, &before);

    // And everything is on the topics a second time.
    let records = topics.read(of_the_mirror()).await;
    topics.publish(&records).await;
    sleep(Duration::from_secs(3)).await;
    same(&dump(&shop.databases).await, &before);
    load.give(500, 500).await;
    let mirror = shop.is_whole().await;
    assert_eq!(mirror.repeated, records.len());
    assert!(mirror.on(Topic::Order).count() > 0);
}
