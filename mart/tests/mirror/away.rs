//! A broker that is away for a while.

use std::time::Duration;

use service::Service;
use tokio::time::{Instant, sleep};

use crate::load::{client, told};
use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn commands_go_on_without_a_broker_and_drain_in_order_when_it_is_back() {
    let (shop, staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(200, 500).await;
    shop.is_whole().await;
    assert!(staff.relay.metric("mart_relay_lag_events").await < 0.5);
    assert!(staff.relay.metric("mart_relay_lag_seconds").await < 0.001);

    shop.broker.kill().await;
    let away = Instant::now();
    load.give(1_500, 300).await;
    let events = staff.relay.metric("mart_relay_lag_events").await;
    assert!(events > 1_000.0, "{events}");
    let seconds = staff.relay.metric("mart_relay_lag_seconds").await;
    assert!(
        seconds > 3.0 && seconds < away.elapsed().as_secs_f64() + 1.0,
        "{seconds}"
    );

    // What is written meanwhile is shown all the same, a little later.
    let (order, token) = load.order().await;
    let reader = client(Duration::from_secs(5));
    let asked = Instant::now();
    loop {
        let request = reader
            .get(staff.read.url(Service::Order, &format!("/order/{order}")))
            .header("consistency-token", &token)
            .bearer_auth(load.buyer());
        let status = request.try_clone().expect("no body").send().await;
        match status.expect("it answers").status().as_u16() {
            200 => {
                told(request, 200).await;
                break;
            }
            status => assert_eq!(status, 503, "neither there nor asked to come back"),
        }
        assert!(asked.elapsed() < Duration::from_secs(15), "it is not shown");
    }
    println!("shown without a broker after {:?}", asked.elapsed());
    sleep(Duration::from_secs(2)).await;

    shop.broker.up().await;
    let back = Instant::now();
    shop.databases.mirrored(Duration::from_secs(30)).await;
    println!("drained {:?} after the broker was back", back.elapsed());
    load.give(200, 500).await;
    shop.is_whole().await;
    sleep(Duration::from_secs(1)).await;
    assert!(staff.relay.metric("mart_relay_lag_events").await < 0.5);
    assert!(staff.relay.metric("mart_relay_lag_seconds").await < 0.001);
}
