//! Kafka is away, refuses, or is not as it was left.

use std::time::Duration;

use projectors::relay::{RelayState, mirrored};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::sleep;

use crate::cluster::cluster;
use crate::recorded::recorded;
use crate::running::{busy, reaches, relay};

#[tokio::test]
async fn what_happens_while_the_broker_is_away_is_mirrored_in_order_when_it_is_back() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    let before = busy(&log, 20).await;
    reaches(&log.pool, before).await;
    cluster.mock.broker_down(-1).expect("it goes");
    let mut head = 0;
    for _ in 0..30 {
        head = busy(&log, 20).await;
    }
    let trouble = relay.is(|state| state.trouble().is_some()).await;
    let trouble = trouble.trouble().expect("trouble");
    assert!(trouble.contains("does not acknowledge"), "{trouble}");
    let row = mirrored(&log.pool).await.expect("the row");
    assert_eq!(row.position, before);
    cluster.mock.broker_up(-1).expect("it comes");
    reaches(&log.pool, head).await;
    relay.leads().await;
    relay.end().await;
    cluster.holds(&log.log()).await;
}

#[tokio::test]
async fn a_relay_waits_for_its_broker_at_the_start() {
    let (log, cluster) = (recorded().await, cluster());
    cluster.mock.broker_down(-1).expect("it goes");
    let mut relay = relay(&log, &cluster.kafka);
    let named = format!("waiting for Kafka at {}: ", cluster.kafka.brokers);
    relay
        .is(|state| matches!(state, RelayState::WaitingForKafka(why) if why.starts_with(&named)))
        .await;
    let head = busy(&log, 20).await;
    let leads: bool = sqlx::query_scalar("select leased_until > '-infinity' from relay")
        .fetch_one(&log.pool)
        .await
        .expect("the row");
    assert!(!leads, "the lease is left to those who reach Kafka");
    cluster.mock.broker_up(-1).expect("it comes");
    reaches(&log.pool, head).await;
    relay.end().await;
    assert_eq!(cluster.holds(&log.log()).await, 0);
}

#[tokio::test]
async fn a_relay_that_kafka_does_not_answer_leaves_the_lease_to_others() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    cluster.mock.broker_down(-1).expect("it goes");
    let head = busy(&log, 20).await;
    relay
        .is(|state| matches!(state, RelayState::WaitingForKafka(_)))
        .await;
    let free: bool = sqlx::query_scalar("select leased_until <= clock_timestamp() from relay")
        .fetch_one(&log.pool)
        .await
        .expect("the row");
    assert!(free, "it keeps what it can't use");
    cluster.mock.broker_up(-1).expect("it comes");
    reaches(&log.pool, head).await;
    relay.end().await;
    cluster.holds(&log.log()).await;
}

#[tokio::test]
async fn a_relay_ends_in_time_without_a_broker() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    cluster.mock.broker_down(-1).expect("it goes");
    busy(&log, 20).await;
    sleep(Duration::from_millis(200)).await;
    let took = relay.end().await;
    assert!(took < Duration::from_secs(8), "took {took:?}");
    let free: bool = sqlx::query_scalar("select leased_until <= clock_timestamp() from relay")
        .fetch_one(&log.pool)
        .await
        .expect("the row");
    assert!(free, "the lease is given back");
}

#[tokio::test]
async fn a_record_that_is_refused_is_said_again() {
    let (log, cluster) = (recorded().await, cluster());
    let mut relay = relay(&log, &cluster.kafka);
    relay.leads().await;
    let head = busy(&log, 20).await;
    reaches(&log.pool, head).await;
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &[refused, refused]);
    busy(&log, 20).await;
    let trouble = relay.is(|state| state.trouble().is_some()).await;
    let trouble = trouble.trouble().expect("trouble");
    assert!(trouble.contains("Topic authorization failed"), "{trouble}");
    let head = busy(&log, 20).await;
    reaches(&log.pool, head).await;
    relay.leads().await;
    relay.end().await;
    cluster.holds(&log.log()).await;
}

#[tokio::test]
async fn topics_with_other_partitions_than_before_are_refused() {
    let (log, cluster) = (recorded().await, cluster());
    sqlx::query("update relay set position = 0, partitions = '{\"order/0\": 0, \"order/1\": 0}'")
        .execute(&log.pool)
        .await
        .expect("the row");
    let mut relay = relay(&log, &cluster.kafka);
    busy(&log, 5).await;
    let trouble = relay
        .is(|state| matches!(state, RelayState::Trouble(_)))
        .await;
    assert_eq!(
        trouble.trouble().expect("trouble"),
        "topic order has 3 partitions, but was filled with 2: a key's records would be in two of them; delete the topic, \
         let it be created with the partitions that are wanted (KAFKA_PARTITIONS), and fill it anew by `mart relay \
         republish`"
    );
    assert!(cluster.records().is_empty());
    relay.end().await;
}
