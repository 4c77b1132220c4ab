//! Topics that were deleted, written anew from the log.

use std::time::Duration;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn deleted_topics_are_republished_with_the_same_bytes_and_consumers_go_on() {
    let (shop, staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(1_500, 500).await;
    let before = shop.is_whole().await;

    let topics = shop.topics();
    let all: Vec<_> = topics.all().into_iter().map(|(name, _)| name).collect();
    topics.delete(&all).await;
    let republished = shop.errand(&["relay", "republish"]).await;
    assert!(
        republished.status.success(),
        "{}",
        String::from_utf8_lossy(&republished.stderr)
    );
    println!("{}", String::from_utf8_lossy(&republished.stdout));
    let after = shop.is_whole().await;
    after.is(&before);
    let again: Vec<_> = topics.all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(sorted(again), sorted(all));

    load.give(500, 500).await;
    shop.is_whole().await;

    // From the middle, beside relays that run: what was there is there twice, and nobody minds.
    let middle = (shop.databases.head().await / 2).to_string();
    let republished = shop
        .errand(&["relay", "republish", "--from", &middle])
        .await;
    assert!(
        republished.status.success(),
        "{}",
        String::from_utf8_lossy(&republished.stderr)
    );
    load.give(200, 500).await;
    let mirror = shop.is_whole().await;
    assert!(mirror.repeated > 0);
    staff.relay.stop().await;
    assert!(staff.projectors.stop().await < Duration::from_secs(25));
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
