//! Pages on their way to Kafka: what was produced, and what of it was acknowledged.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use event_store::Page;
use proto::Topic;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode::{self, PurgeInflight, PurgeQueue};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lease::Lease;
use crate::mirror::{Kafka, Partitions, Quiet, Record, let_go};

/// How long to wait while the producer's queue is full.
const FULL: Duration = Duration::from_millis(5);
/// Records between two looks at whether producing is still allowed.
const LOOK: usize = 64;

/// A page that was produced.
#[derive(Debug)]
pub(super) struct Flight {
    remaining: AtomicUsize,
}

impl Flight {
    /// Whether all of it is acknowledged.
    pub(super) fn has_landed(&self) -> bool {
        self.remaining.load(Ordering::Acquire) == 0
    }
}

/// What the producer tells.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// A page has landed, or there is trouble.
    pub(super) news: Notify,
    expects: AtomicBool,
    trouble: OnceLock<String>,
    reason: Mutex<Option<String>>,
}

impl Board {
    /// Why a record will never be delivered by this producer.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.get().map(String::as_str)
    }

    /// What the producer complained of last, for as long as nothing is acknowledged.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Whether something is on its way.
    pub(super) fn expects(&self) -> bool {
        self.expects.load(Ordering::Relaxed)
    }

    pub(super) fn expect(&self, something: bool) {
        self.expects.store(something, Ordering::Relaxed);
    }

    /// Nothing more is to be had of this producer.
    pub(super) fn failed(&self, why: String) {
        // The first one tells most: others follow from it.
        let _ = self.trouble.set(why);
        self.news.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Deliveries(Arc<Board>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0.failed(reason.to_owned());
        }
        *self.0.lock() = Some(reason.to_owned());
        Quiet.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Flight>;

    fn delivery(&self, result: &DeliveryResult<'_>, flight: Arc<Flight>) {
        match result {
            Ok(_) if flight.remaining.fetch_sub(1, Ordering::AcqRel) == 1 => {
                *self.0.lock() = None;
                self.0.news.notify_one();
            }
            // What is purged follows from a fatal error, which tells of itself, or from our own end.
            Ok(_) | Err((KafkaError::MessageProduction(PurgeQueue | PurgeInflight), _)) => {}
            Err((error, record)) => {
                let topic = rdkafka::Message::topic(record);
                self.0.failed(format!(
                    "a record of topic {topic} was not delivered: {error}"
                ));
            }
        }
    }
}

/// A page that is to be acknowledged.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) flight: Arc<Flight>,
    /// The position up to which all is acknowledged once this page and those before it are.
    pub(super) through: i64,
    /// The last position in each partition that the page touches.
    pub(super) ends: Partitions,
    pub(super) records: u64,
    /// About how much memory it takes.
    pub(super) size: usize,
}

/// Whether producing may go on.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) lease: Lease,
    pub(super) shutdown: CancellationToken,
}

/// An idempotent producer, dropped without waiting for the broker.
pub(super) struct Outlet {
    /// The id of the log that is mirrored.
    log: Uuid,
    producer: Option<ThreadedProducer<Deliveries>>,
    pub(super) board: Arc<Board>,
}

impl Outlet {
    pub(super) fn open(kafka: &Kafka, log: Uuid) -> Result<Self> {
        let board = Arc::<Board>::default();
        let context = Deliveries(Arc::clone(&board));
        let producer = ThreadedProducer::from_config_and_context(&kafka.producer(), context)
            .with_context(|| format!("cannot use Kafka at {}", kafka.brokers))?;
        Ok(Self {
            log,
            producer: Some(producer),
            board,
        })
    }

    /// Hands a page's records to the producer, each behind the one before it in its partition as `chain` knows it, for as
    /// long as the lease is held.
    pub(super) fn produce(&self, page: &Page, chain: &mut Partitions, gate: &Gate) -> Result<Sent> {
        let topics = |event: &event_store::Published| event.message.topics().count();
        let records: usize = page.events.iter().map(|event| topics(event)).sum();
        let flight = Arc::new(Flight {
            remaining: AtomicUsize::new(records),
        });
        let mut sent = Sent {
            flight,
            through: page.through,
            ends: Partitions::default(),
            records: records as u64,
            size: 0,
        };
        for (number, event) in page.events.iter().enumerate() {
            if number % LOOK == 0 {
                ensure!(gate.lease.is_held(), "the lease is over");
            }
            let record = Record::new(event, self.log);
            for topic in event.message.topics() {
                let partition = chain.partition_of(topic, event.aggregate_id);
                let partition = partition
                    .with_context(|| format!("topic {} has no partitions", topic.name()))?;
                let previous = chain.get(topic, partition).unwrap_or_default();
                self.send(&record, topic, partition, previous, &sent.flight, gate)?;
                chain.set(topic, partition, event.position);
                sent.ends.set(topic, partition, event.position);
                sent.size += record.size();
            }
        }
        Ok(sent)
    }

    fn send(
        &self,
        record: &Record,
        topic: Topic,
        partition: i32,
        previous: i64,
        flight: &Arc<Flight>,
        gate: &Gate,
    ) -> Result<()> {
        let producer = self.producer.as_ref().context("the producer is gone")?;
        let mut next = BaseRecord::with_opaque_to(topic.name(), Arc::clone(flight))
            .partition(partition)
            .key(record.key())
            .payload(record.value())
            .timestamp(record.timestamp())
            .headers(record.owned_headers(previous));
        loop {
            let Err((error, refused)) = producer.send(next) else {
                return Ok(());
            };
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full {
                let fatal = producer.client().fatal_error().map(|(_, why)| anyhow!(why));
                let error = fatal.unwrap_or_else(|| error.into());
                return Err(error.context(format!("cannot produce to {}", topic.name())));
            }
            let goes_on = gate.lease.is_held() && !gate.shutdown.is_cancelled();
            ensure!(
                goes_on,
                "the producer's queue is full, and its time is over"
            );
            thread::sleep(FULL);
            next = refused;
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            // At once, so that nothing is sent any more; the rest may wait for the broker.
            producer.purge(PurgeConfig::default().queue().inflight().non_blocking());
            let_go(producer);
        }
    }
}
