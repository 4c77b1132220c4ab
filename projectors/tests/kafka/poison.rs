//! What can't be applied goes to the dead letters; its aggregate waits, others go on.

use projectors::{parked, projections};
use proto::Topic;
use rdkafka::types::RDKafkaRespErr::{
    RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
};

use crate::databases::{contents, number, shelves};
use crate::messages::id;
use crate::mirror::Mirror;
use crate::projecting::Running;
use crate::recorded::{adjusted, created, opened, recorded, registered};
use crate::running::{LAMPS, follow_kafka, lamps, replayed, stock, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_and_what_follows_it_are_dead_letters_until_a_start_can_apply_them() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;

    let (chair, chairs) = (id(11), id(12));
    let refused = recorded
        .append(&[
            created(chair),
            opened(chairs, chair, 5),
            // 2 is missing.
            adjusted(chairs, 3, 1),
        ])
        .await;
    mirror.publish().await;
    let waits = async |count: usize| {
        let waiting = parked(databases, projections()[1]).await.expect("a list");
        waiting.len() == count
    };
    until("the chairs wait", 15, async || waits(1).await).await;
    let waiting = parked(databases, projections()[1]).await.expect("a list");
    assert_eq!(
        (waiting[0].aggregate_id, waiting[0].position),
        (chairs, refused)
    );

    // Others go on, of the same partition too; what follows waits behind.
    let head = recorded
        .append(&[
            adjusted(chairs, 4, 1),
            adjusted(LAMPS, units + 2, 1),
            registered(id(13), "anne"),
        ])
        .await;
    mirror.publish().await;
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, units + 1 + 5);
    let product = "select count(*) from parked";
    assert_eq!(number(&databases.product, product).await, 1);
    for group in ["inventory", "product"] {
        let letters = mirror.dead_letters(Topic::Inventory, group);
        let reasons: Vec<_> = letters.iter().map(|(_, reason)| reason.as_str()).collect();
        let behind = format!("parked behind {refused}");
        let first = "its aggregate's next sequence is 2, it has 3";
        assert_eq!(reasons, [first, behind.as_str()], "{group}");
    }
    running.stop().await;

    sqlx::raw_sql(
        "alter table events disable trigger append_only;
         update events set sequence = sequence - 1 where aggregate_type = 'stock' and sequence >= 3
             and aggregate_id = '00000000-0000-0000-0000-00000000000c'",
    )
    .execute(&recorded.pool)
    .await
    .expect("the log is mended");
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    until("nothing waits", 10, async || waits(0).await).await;
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, units + 1 + 7);
    running.stop().await;
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_is_a_dead_letter_and_nobody_waits() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 1).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    mirror.send_rubbish(Topic::Inventory, 0).await;
    recorded.append(&[adjusted(LAMPS, units + 2, 1)]).await;
    mirror.publish_times(|_| 1).await;
    until("a lamp behind the rubbish", 10, async || {
        stock(databases).await == units + 1
    })
    .await;
    let letters = mirror.dead_letters(Topic::Inventory, "inventory");
    let expected = (b"no protobuf".to_vec(), "it has no position".to_owned());
    assert_eq!(letters, [expected]);
    assert!(
        parked(databases, projections()[1])
            .await
            .expect("a list")
            .is_empty()
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_dead_letters_cannot_be_sent_the_projection_waits_and_says_so() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let forbidden = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mirror.forbid(Topic::Inventory, "inventory", forbidden);
    // One number is missing.
    let refused = recorded
        .append(&[adjusted(LAMPS, units + 3, 1), registered(id(13), "anne")])
        .await
        - 1;
    mirror.publish().await;
    let inventory = running.progress.of("inventory");
    until("trouble", 20, async || {
        let trouble = inventory.trouble();
        trouble.is_some_and(|trouble| trouble.contains("inventory.inventory.dlq"))
    })
    .await;
    until("the product's dead letter", 10, async || {
        let waiting = parked(databases, projections()[0]).await;
        waiting.expect("a list").len() == 1
    })
    .await;
    assert!(inventory.position() < refused);
    assert_eq!(stock(databases).await, units);
    let waiting = parked(databases, projections()[1]).await;
    assert!(waiting.expect("a list").is_empty());

    mirror.forbid(Topic::Inventory, "inventory", RD_KAFKA_RESP_ERR_NO_ERROR);
    running.has_reached(refused + 1).await;
    assert_eq!(mirror.dead_letters(Topic::Inventory, "inventory").len(), 1);
    running.stop().await;
}
