//! Do the tests' tools work: a broker that comes, goes and comes back?

use std::time::{Duration, Instant};

use futures::future::join_all;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use tokio::time::timeout;

use crate::broker::{Broker, Cluster};
use crate::records::Record;
use crate::topics::Topics;

fn letter(number: u8) -> Record {
    Record {
        topic: "letters".to_owned(),
        partition: i32::from(number % 3),
        offset: 0,
        key: vec![number],
        value: format!("letter {number}").into_bytes(),
        headers: vec![("number".to_owned(), number.to_string().into_bytes())],
        timestamp: Some(1_700_000_000_000),
    }
}

/// What a member of the group gets to read.
async fn consumed(address: &str, letters: usize) -> Vec<Record> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "readers")
        .set("group.protocol", "consumer")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("a consumer");
    consumer.subscribe(&["letters"]).expect("subscribed");
    let mut read = Vec::new();
    while read.len() < letters {
        let next = timeout(Duration::from_secs(30), consumer.recv()).await;
        read.push(Record::from(&next.expect("in time").expect("a record")));
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn a_broker_keeps_what_it_acknowledged_when_it_is_killed() {
    let asked = Instant::now();
    let broker = Broker::start().await;
    println!("up after {:?}", asked.elapsed());
    let topics = Topics::of(broker.address());
    topics.create("letters", 3).await;
    assert_eq!(topics.all(), [("letters".to_owned(), 3)]);
    let letters: Vec<_> = (0..30).map(letter).collect();
    topics.publish(&letters).await;
    assert_eq!(consumed(broker.address(), 30).await.len(), 30);

    broker.kill().await;
    let killed = Instant::now();
    broker.up().await;
    println!("back after {:?}", killed.elapsed());
    topics.publish(&letters[..3]).await;
    broker.pause().await;
    broker.resume().await;
    let read = topics.read(vec!["letters".to_owned()]).await;
    assert_eq!(read.len(), 33);
    assert_eq!(read[0].content(), letter(0).content());
    assert_eq!((read[0].header("number"), read[0].offset), ("0", 0));

    assert_eq!(topics.truncate("letters").await, 33);
    topics.publish(&letters[..1]).await;
    assert_eq!(topics.read(vec!["letters".to_owned()]).await.len(), 1);
    topics.delete(&["letters".to_owned()]).await;
    assert_eq!(topics.all(), []);
    broker.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn two_of_three_brokers_are_enough() {
    let cluster = Cluster::of(3).await;
    let topics = Topics::of(&cluster.addresses());
    topics.create("letters", 3).await;
    let letters: Vec<_> = (0..9).map(letter).collect();
    topics.publish(&letters).await;
    cluster.broker(1).kill().await;
    topics.publish(&letters).await;
    let read = topics.read(vec!["letters".to_owned()]).await;
    assert_eq!(read.len(), 18);
    join_all((0..3).map(|number| cluster.broker(number).kill())).await;
}
