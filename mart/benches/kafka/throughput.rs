//! How fast the relay works off a log that waits, beside a producer that does nothing else than to send the same records,
//! made beforehand, to topics of the same shape on the same broker with the same settings.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use event_store::Log;
use projectors::mirror::{Kafka, Record, partition_of};
use proto::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use sqlx::PgPool;

use crate::Result;
use crate::broker::Broker;
use crate::latency::Customer;
use crate::shop::{Databases, Process};

/// Records a second.
pub struct Speed {
    pub relay: f64,
    pub bare: f64,
}

/// The two, one after the other, as often as there are rounds.
pub async fn compare(
    folder: &Path,
    broker: &Broker,
    events: usize,
    rounds: usize,
) -> Result<Vec<Speed>> {
    let databases = Databases::start(&folder.join("throughput")).await?;
    let write = Process::start("write-api", &databases, None)?;
    Customer::arrive(&write, &write).await?.place().await?;
    drop(write);
    let log = databases.log().await?;
    let before = wait_there(&log, events).await?;
    let kafka = Kafka::new(broker.address());
    let records = records(&log, before).await?;
    let mut speeds = Vec::new();
    for round in 0..rounds {
        speeds.push(Speed {
            relay: relay(&databases, broker, before, &records).await?,
            bare: bare(&kafka, round, &records).await?,
        });
    }
    Ok(speeds)
}

/// Puts so many orders and reservations behind the log's end, as copies of the one that was placed. Returns where the log
/// ended before.
async fn wait_there(log: &PgPool, events: usize) -> Result<i64> {
    let before: i64 = sqlx::query_scalar("select position from log_head")
        .fetch_one(log)
        .await?;
    let pairs = i64::try_from(events / 2)?;
    let mut transaction = log.begin().await?;
    sqlx::query(
        "insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select $1 + 2 * n - (case e.aggregate_type when 'order' then 0 else 1 end), e.aggregate_type,
                case e.aggregate_type when 'order' then gen_random_uuid()::text else e.aggregate_id end,
                case e.aggregate_type when 'order' then 1 else e.sequence + n end,
                e.event_type, e.event_version, e.payload, e.metadata, gen_random_uuid(), clock_timestamp()
         from generate_series(1, $2) n,
              (select * from events where (aggregate_type, event_type) in (('order', 'placed'), ('stock', 'reserved'))) e",
    )
    .bind(before)
    .bind(pairs)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("update log_head set position = position + $1, recorded_at = clock_timestamp()")
        .bind(2 * pairs)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    sqlx::query("vacuum analyze events").execute(log).await?;
    Ok(before)
}

struct Made {
    topic: Topic,
    partition: i32,
    position: i64,
    previous: i64,
    record: Record,
}

/// Every record that the relay makes of what waits.
async fn records(log: &PgPool, before: i64) -> Result<Vec<Made>> {
    let log = Log::open(log.clone());
    let (id, head) = (log.identity().await?.id, log.head().await?);
    let count = Kafka::new("").partitions;
    let mut previous = HashMap::new();
    let mut records = Vec::new();
    let mut after = before;
    while after < head {
        let page = log.read(after, 10_000).await?;
        for event in page.events {
            for topic in event.message.topics() {
                let partition = partition_of(event.aggregate_id, count);
                let previous = previous.insert((topic, partition), event.position);
                records.push(Made {
                    topic,
                    partition,
                    position: event.position,
                    previous: previous.unwrap_or(0),
                    record: Record::new(&event, id),
                });
            }
        }
        after = page.through;
    }
    Ok(records)
}

/// From the relay's first step behind `before` until it has told that everything is mirrored.
async fn relay(
    databases: &Databases,
    broker: &Broker,
    before: i64,
    records: &[Made],
) -> Result<f64> {
    let log = databases.log().await?;
    let head: i64 = sqlx::query_scalar("select position from log_head")
        .fetch_one(&log)
        .await?;
    let row = "select position from relay";
    sqlx::query("update relay set position = $1")
        .bind(before)
        .execute(&log)
        .await?;
    let running = {
        let (url, kafka) = (databases.url(), broker.address().to_owned());
        tokio::task::spawn_blocking(move || Process::start_at("relay", &url, Some(&kafka)))
    };
    let mut began = None;
    loop {
        let position: i64 = sqlx::query_scalar(row).fetch_one(&log).await?;
        if position >= head {
            break;
        }
        if position > before && began.is_none() {
            began = Some((Instant::now(), position));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (began, from) = began.ok_or("it was done at once")?;
    let taken = began.elapsed();
    drop(running.await??);
    let timed = records.iter().filter(|made| made.position > from);
    rate(timed.count(), taken)
}

fn rate(records: usize, taken: Duration) -> Result<f64> {
    Ok(f64::from(u32::try_from(records)?) / taken.as_secs_f64())
}

/// Sends the records as fast as the broker takes them.
async fn bare(kafka: &Kafka, round: usize, records: &[Made]) -> Result<f64> {
    let name = |topic: Topic| format!("bare-{round}-{}", topic.name());
    let names: HashMap<Topic, String> = Topic::ALL.map(|topic| (topic, name(topic))).into();
    let admin: AdminClient<DefaultClientContext> = kafka.admin().create()?;
    let topics: Vec<_> = names
        .values()
        .map(|name| NewTopic::new(name, kafka.partitions, TopicReplication::Fixed(1)))
        .collect();
    for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
        made.map_err(|(topic, why)| format!("{topic}: {why}"))?;
    }
    let producer: ThreadedProducer<DefaultProducerContext> = kafka.producer().create()?;
    let began = Instant::now();
    for made in records {
        let mut record = BaseRecord::to(&names[&made.topic])
            .partition(made.partition)
            .key(made.record.key())
            .payload(made.record.value())
            .timestamp(made.record.timestamp())
            .headers(made.record.owned_headers(made.previous));
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(1));
            record = refused;
        }
    }
    producer.flush(Duration::from_mins(1))?;
    rate(records.len(), began.elapsed())
}
