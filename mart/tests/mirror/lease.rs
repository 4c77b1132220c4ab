//! One relay publishes, whatever the others do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::shop::Shop;

/// Which of them says that it leads. One that is stopped says nothing.
async fn leaders(relays: &[Process], stopped: Option<usize>) -> Vec<usize> {
    let mut leaders = Vec::new();
    for (number, relay) in relays.iter().enumerate() {
        if Some(number) != stopped && relay.metric("mart_relay_leader").await > 0.5 {
            leaders.push(number);
        }
    }
    leaders
}

async fn the_leader(relays: &[Process], stopped: Option<usize>) -> usize {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match leaders(relays, stopped).await[..] {
            [leader] => return leader,
            ref found => assert!(Instant::now() < deadline, "leaders {found:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn a_relay_that_stops_is_replaced_within_15_s_and_publishes_nothing_when_it_wakes() {
    let shop = Shop::new().await;
    let mut write = shop.start("write-api");
    let mut relays: Vec<_> = (0..3).map(|_| shop.start("relay")).collect();
    let mut projectors = shop.start("projectors");
    for process in relays.iter_mut().chain([&mut write, &mut projectors]) {
        process.ready().await;
    }
    let mut load = crate::load::Load::open(&write, 1).await;
    let first = the_leader(&relays, None).await;
    load.give(500, 500).await;
    shop.databases.mirrored(Duration::from_secs(10)).await;
    let epoch = shop.databases.ask_store("select epoch from relay").await;

    relays[first].pause();
    let paused = Instant::now();
    load.give(500, 500).await;
    shop.databases.mirrored(Duration::from_secs(15)).await;
    let replaced = paused.elapsed();
    println!("replaced after {replaced:?}");
    assert!(replaced < Duration::from_secs(15), "{replaced:?}");
    let second = the_leader(&relays, Some(first)).await;
    assert_ne!(first, second);
    assert_eq!(
        shop.databases.ask_store("select epoch from relay").await,
        epoch + 1
    );

    let published = relays[first].name().to_owned();
    relays[first].resume();
    let woke = Instant::now();
    while leaders(&relays, None).await != [second] {
        assert!(
            woke.elapsed() < Duration::from_secs(5),
            "{published} still leads"
        );
        sleep(Duration::from_millis(50)).await;
    }
    load.give(500, 500).await;
    assert_eq!(the_leader(&relays, None).await, second);
    assert_eq!(
        shop.databases.ask_store("select epoch from relay").await,
        epoch + 1
    );
    let mirror = shop.is_whole().await;
    println!("{} records repeated", mirror.repeated);

    // One that ends in an orderly way gives the lease back.
    let leaving = relays.remove(second);
    leaving.stop().await;
    let left = Instant::now();
    the_leader(&relays, None).await;
    println!("followed after {:?}", left.elapsed());
    assert!(
        left.elapsed() < Duration::from_secs(5),
        "{:?}",
        left.elapsed()
    );
}
