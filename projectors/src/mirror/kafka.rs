//! How Kafka is reached: the settings of every client, in one place.

use anyhow::{Context as _, Result};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use tokio::sync::oneshot;

/// How Kafka is reached, and what topics are made like.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// How many partitions a topic is made with.
    pub partitions: i32,
    /// How many brokers hold each of them; -1: as many as the brokers are set to.
    pub replication: i32,
    /// How consumers of a group share its partitions.
    pub group_protocol: GroupProtocol,
}

/// How consumers of a group share its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The broker assigns (KIP-848): a member comes and goes without stopping the others.
    #[default]
    Consumer,
    /// A member assigns; for brokers before 4.0.
    Classic,
}

impl Kafka {
    /// With three partitions and the brokers' own replication.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            partitions: 3,
            replication: -1,
            group_protocol: GroupProtocol::default(),
        }
    }

    /// For questions about topics, and to create them.
    #[must_use]
    pub fn admin(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "online-mart")
            // A broker that is back is found within a second; one that answers no more is left after ten.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.timeout.ms", "10000")
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Info);
        config
    }

    /// For records that must neither be lost nor change places: waits for the broker for as long as it takes.
    #[must_use]
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.admin();
        config
            .set("enable.idempotence", "true")
            // After a record that is refused nothing that waits behind it is sent: it would be there before it.
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            // Records leave at once, and still in batches where many wait.
            .set("linger.ms", "0")
            .set("message.timeout.ms", "0")
            .set("compression.type", "lz4")
            // Whoever produces bounds what is in flight by bytes.
            .set("queue.buffering.max.messages", "1000000");
        config
    }

    /// For a member of this group: what was read is told to the broker every five seconds for those who watch the lag,
    /// as far as it was stored by `store_offset`.
    #[must_use]
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.admin();
        config
            .set("group.id", group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "5000");
        match self.group_protocol {
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
            GroupProtocol::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky"),
        };
        config
    }
}

/// Keeps the library's own lines out of the log: what it meets is told by whoever waits for it. They are there at level
/// `debug`, as target `librdkafka`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", "{facility}: {message}");
        }
        _ => tracing::debug!(target: "librdkafka", "{facility}: {message}"),
    }
}

/// Does what may block for as long as the broker is away, on a thread of its own: whoever waits no longer leaves it behind,
/// and no end of the program waits for it.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (done, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("kafka-aside".to_owned())
        .spawn(move || drop(done.send(work())))
        .context("cannot start a thread")?;
    end.await.context("a call of Kafka's library panicked")
}

/// Drops a client on a thread of its own: that may take as long as its broker is away.
pub fn let_go<T: Send + 'static>(client: T) {
    let dropping = std::thread::Builder::new().name("kafka-let-go".to_owned());
    // Where no thread can be had, the closure and the client with it are dropped here.
    drop(dropping.spawn(move || drop(client)));
}
