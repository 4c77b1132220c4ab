//! Records that can't be applied.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::records::Record;
use crate::shop::Shop;

/// Waits until so many records are on the topic.
async fn letters(shop: &Shop, topic: &str, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let records = shop.topics().read(vec![topic.to_owned()]).await;
        if records.len() >= count {
            return records;
        }
        assert!(
            Instant::now() < deadline,
            "{topic} has {} of {count}",
            records.len()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn records_that_nobody_can_read_go_to_the_dead_letters_and_others_go_on() {
    let (shop, staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(200, 500).await;
    shop.is_whole().await;
    let topics = shop.topics();
    let foreign = Record {
        topic: "order".to_owned(),
        partition: 0,
        offset: 0,
        key: b"nobody".to_vec(),
        value: vec![0xff; 16],
        headers: Vec::new(),
        timestamp: None,
    };
    topics.publish(std::slice::from_ref(&foreign)).await;
    load.give(300, 500).await;
    let dead = letters(&shop, "order.orders.dlq", 1).await;
    assert_eq!((dead.len(), &dead[0].value), (1, &foreign.value));
    assert_eq!(dead[0].key, foreign.key);
    assert_eq!(
        (dead[0].header("dlq-topic"), dead[0].header("dlq-partition")),
        ("order", "0")
    );
    assert!(!dead[0].header("dlq-reason").is_empty());
    shop.databases.shown(Duration::from_secs(20)).await;
    crate::read_models::compare(&shop).await;
    staff.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn an_order_whose_event_is_refused_is_parked_and_healed_by_a_restart() {
    let (shop, mut staff) = Shop::open().await;
    let mut load = staff.load(1).await;
    load.give(200, 500).await;
    let (order, _) = load.order().await;
    shop.databases.shown(Duration::from_secs(20)).await;
    // A row that says less than the log does: the next event is out of order for it.
    let pool = shop.databases.read_model("order");
    tamper(&pool, &order, -1).await;
    load.change(&order, 3).await;
    load.change(&order, 4).await;
    load.give(300, 500).await;

    let dead = letters(&shop, "order.orders.dlq", 2).await;
    assert!(dead.iter().all(|letter| letter.key() == order), "{dead:?}");
    let parked = dead[1].header("dlq-reason");
    assert!(
        parked.contains(&format!("parked behind {}", dead[0].position())),
        "{parked}"
    );
    shop.databases.shown(Duration::from_secs(20)).await;
    assert_eq!(parked_rows(&pool).await, std::slice::from_ref(&order));
    let quantity: i32 = sqlx::query_scalar("select quantity from orders where order_id = $1::uuid")
        .bind(&order)
        .fetch_one(&pool)
        .await
        .expect("it is there");
    assert_eq!(quantity, 1);

    tamper(&pool, &order, 1).await;
    staff.projectors.stop().await;
    staff.projectors = shop.start("projectors");
    staff.projectors.ready().await;
    load.change(&order, 5).await;
    shop.is_whole().await;
    assert!(parked_rows(&pool).await.is_empty());
}

async fn tamper(pool: &sqlx::PgPool, order: &str, by: i64) {
    let changed = sqlx::query("update orders set version = version + $2 where order_id = $1::uuid")
        .bind(order)
        .bind(by)
        .execute(pool)
        .await
        .expect("it is there");
    assert_eq!(changed.rows_affected(), 1);
}

async fn parked_rows(pool: &sqlx::PgPool) -> Vec<String> {
    sqlx::query_scalar("select aggregate_id::text from parked")
        .fetch_all(pool)
        .await
        .expect("reads")
}
