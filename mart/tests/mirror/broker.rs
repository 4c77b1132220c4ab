//! A Kafka of one's own, of one broker or several.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use futures::future::join_all;
use tempfile::TempDir;

use crate::children::folder;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/kafka/kafka.sh");
const PORT: u16 = 19092;

/// A broker on an address of its own; dropped, it is gone with all its data.
pub struct Broker {
    folder: TempDir,
    listen: String,
    environment: Vec<(&'static str, String)>,
}

impl Broker {
    /// One that answers.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With these lines of server.properties besides.
    pub async fn start_with(properties: &str) -> Self {
        let broker = Self::new(address(), vec![("KAFKA_PROPERTIES", properties.to_owned())]);
        broker.up().await;
        broker
    }

    fn new(address: Ipv4Addr, mut environment: Vec<(&'static str, String)>) -> Self {
        environment.push(("KAFKA_OWNER", std::process::id().to_string()));
        Self {
            folder: folder(),
            listen: format!("{address}:{PORT}"),
            environment,
        }
    }

    /// Where clients find it.
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// A place beside its data, which is gone when it is.
    pub fn folder(&self) -> PathBuf {
        let folder = self.folder.path().join("beside");
        std::fs::create_dir_all(&folder).expect("our folder");
        folder
    }

    /// Starts it again, and waits until it answers.
    pub async fn up(&self) {
        self.run(&["up", &self.listen], &[]).await;
    }

    pub async fn down(&self) {
        self.run(&["down"], &[]).await;
    }

    /// SIGKILL.
    pub async fn kill(&self) {
        self.run(&["kill"], &[]).await;
    }

    pub async fn pause(&self) {
        self.run(&["pause"], &[]).await;
    }

    pub async fn resume(&self) {
        self.run(&["resume"], &[]).await;
    }

    async fn run(&self, words: &[&str], environment: &[(&str, &str)]) {
        let mut command = self.command(words);
        command.envs(environment.iter().copied());
        let ran = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("it does not panic")
            .expect("bash is there");
        assert!(
            ran.status.success(),
            "kafka.sh {words:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// Command first, the folder after it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(SCRIPT).arg(words[0]).arg(self.folder.path());
        command.args(&words[1..]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.command(&["kill"]).output();
    }
}

/// Brokers that hold each other's partitions.
pub struct Cluster(Vec<Broker>);

impl Cluster {
    pub async fn of(brokers: u8) -> Self {
        let addresses: Vec<_> = (0..brokers).map(|_| address()).collect();
        let voters: Vec<_> = addresses
            .iter()
            .zip(1..)
            .map(|(address, node)| format!("{node}@{address}:{}", PORT + 1))
            .collect();
        let voters = voters.join(",");
        let brokers: Vec<_> = addresses
            .into_iter()
            .zip(1..)
            .map(|(address, node): (_, u8)| {
                let environment = vec![
                    ("KAFKA_NODE", node.to_string()),
                    ("KAFKA_VOTERS", voters.clone()),
                ];
                Broker::new(address, environment)
            })
            .collect();
        let started = brokers.iter().map(async |broker| {
            let words = ["up", &broker.listen];
            broker.run(&words, &[("KAFKA_WAIT", "no")]).await;
        });
        join_all(started).await;
        join_all(brokers.iter().map(Broker::up)).await;
        Self(brokers)
    }

    pub fn addresses(&self) -> String {
        let all: Vec<_> = self.0.iter().map(Broker::address).collect();
        all.join(",")
    }

    pub fn broker(&self, number: usize) -> &Broker {
        &self.0[number]
    }
}

/// A loopback address that no other test has, so that ports need no search.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = 64 + NEXT.fetch_add(1, Ordering::Relaxed) % 128;
    Ipv4Addr::new(127, number, high, low)
}
