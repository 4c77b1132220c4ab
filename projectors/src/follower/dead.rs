//! Records that cannot be applied go to a topic of their own, with the reason beside them.

use std::time::Duration;

use anyhow::{Result, anyhow};
use proto::Topic;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use uuid::Uuid;

use super::batch::Record;
use crate::mirror::topics::{Topics, dead_letters};
use crate::mirror::{self, Kafka, Quiet, let_go};

/// How long the broker has to take a letter.
const PATIENCE: &str = "10000";

/// Where one projection's dead letters go. Connects when the first one is sent.
pub(crate) struct DeadLetters {
    kafka: Kafka,
    projection: &'static str,
    producer: Option<FutureProducer<Quiet>>,
}

/// A record that cannot be applied.
pub(crate) struct Letter {
    topic: Topic,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
    timestamp: Option<i64>,
    partition: i32,
    offset: i64,
    reason: String,
    attempts: u32,
}

impl Letter {
    /// One that was read, but not applied.
    pub(crate) fn refused(record: &Record, log: Uuid, reason: String, attempts: u32) -> Self {
        let as_sent = mirror::Record::new(&record.event, log);
        Self {
            topic: record.topic,
            key: Some(as_sent.key().to_vec()),
            value: Some(as_sent.value().to_vec()),
            headers: as_sent.owned_headers(record.previous),
            timestamp: Some(as_sent.timestamp()),
            partition: record.partition,
            offset: record.offset,
            reason,
            attempts,
        }
    }

    /// One that does not say what happened.
    pub(crate) fn unreadable(topic: Topic, message: &OwnedMessage, reason: String) -> Self {
        Self {
            topic,
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().cloned().unwrap_or_default(),
            timestamp: message.timestamp().to_millis(),
            partition: message.partition(),
            offset: message.offset(),
            reason,
            attempts: 1,
        }
    }
}

impl DeadLetters {
    pub(crate) fn new(kafka: &Kafka, projection: &'static str) -> Self {
        Self {
            kafka: kafka.clone(),
            projection,
            producer: None,
        }
    }

    /// Sends a letter, and waits until the broker has it.
    pub(crate) async fn send(&mut self, letter: &Letter) -> Result<()> {
        let name = dead_letters(letter.topic, self.projection);
        let headers = [
            ("dlq-reason", letter.reason.clone()),
            ("dlq-topic", letter.topic.name().to_owned()),
            ("dlq-partition", letter.partition.to_string()),
            ("dlq-offset", letter.offset.to_string()),
            ("dlq-attempts", letter.attempts.to_string()),
        ];
        let original = letter.headers.clone();
        let headers = headers.iter().fold(original, |headers, (key, value)| {
            let value = Some(value);
            headers.insert(Header { key, value })
        });
        let mut record = FutureRecord::to(&name).headers(headers);
        record.key = letter.key.as_ref();
        record.payload = letter.value.as_ref();
        record.timestamp = letter.timestamp;
        let sent = self.producer()?.send(record, Duration::ZERO).await;
        if let Err((error, _)) = sent {
            self.mend(&error).await;
            return Err(anyhow!("cannot send a dead letter to {name}: {error}"));
        }
        metrics::counter!("mart_dead_letters_total", "projection" => self.projection, "topic" => letter.topic.name())
            .increment(1);
        tracing::warn!(
            projection = self.projection,
            "a record of topic {} (partition {}, offset {}) went to {name}: {}",
            letter.topic.name(),
            letter.partition,
            letter.offset,
            letter.reason,
        );
        Ok(())
    }

    fn producer(&mut self) -> Result<&FutureProducer<Quiet>> {
        if self.producer.is_none() {
            let mut config = self.kafka.producer();
            config.set("message.timeout.ms", PATIENCE);
            let producer = FutureProducer::from_config_and_context(&config, Quiet)?;
            self.producer = Some(producer);
        }
        Ok(self.producer.as_ref().expect("made just above"))
    }

    /// Begins anew; creates the topic where that is what was wrong.
    async fn mend(&mut self, error: &KafkaError) {
        let_go(self.producer.take());
        let missing = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
        );
        if missing && let Ok(topics) = Topics::of(&self.kafka) {
            // What is wrong with it, the next try to send tells.
            drop(topics.ensure().await);
        }
    }
}

impl Drop for DeadLetters {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            let_go(producer);
        }
    }
}
