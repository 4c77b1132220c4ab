//! A shop of several processes: a broker, databases, a mail server, and the program's roles.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::broker::Broker;
use crate::children;
use crate::databases::Databases;
use crate::load::Load;
use crate::mirrored::Mirror;
use crate::process::Process;
use crate::read_models::compare;
use crate::smtp;
use crate::topics::{Topics, of_the_mirror};

/// How long everything may take to be shown and mirrored once nothing disturbs it any more.
const QUIET: Duration = Duration::from_mins(1);

/// What the processes share. Nothing of the program runs at first.
pub struct Shop {
    pub broker: Broker,
    pub databases: Databases,
    pub mails: smtp::Server,
    folder: PathBuf,
    key: String,
    started: Cell<usize>,
}

impl Shop {
    pub async fn new() -> Self {
        let half = || rand::random::<u128>();
        let broker = Broker::start().await;
        Self {
            folder: broker.folder(),
            broker,
            databases: Databases::new().await,
            mails: smtp::Server::start().await,
            key: format!("{:032x}{:032x}", half(), half()),
            started: Cell::default(),
        }
    }

    /// With one process of each role, all of them ready.
    pub async fn open() -> (Self, Staff) {
        let shop = Self::new().await;
        let mut staff = Staff {
            relay: shop.start("relay"),
            projectors: shop.start("projectors"),
            write: shop.start("write-api"),
            read: shop.start("read-api"),
        };
        for process in [
            &mut staff.write,
            &mut staff.relay,
            &mut staff.projectors,
            &mut staff.read,
        ] {
            process.ready().await;
        }
        (shop, staff)
    }

    /// `mart` with these arguments, on everything of this shop.
    fn mart(&self, databases: &Databases, arguments: &[&str]) -> Command {
        let mut command = children::command(env!("CARGO_BIN_EXE_mart"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("MART_DATA_DIR", self.folder.join("data"))
            .env("MART_FIRST_PORT", "0")
            .env("GATEWAY_SUCCESS_RATE", "1")
            .env("JWT_SECRET_KEY", &self.key)
            .env(
                "RUST_LOG",
                std::env::var("MART_TEST_LOG").unwrap_or("info".into()),
            )
            .envs(databases.environment())
            .current_dir(&self.folder);
        command
    }

    /// A process with this role.
    pub fn start(&self, role: &str) -> Process {
        let mut command = self.mart(&self.databases, &["up", "--role", role]);
        command
            .env("KAFKA_BROKERS", self.broker.address())
            .env("SMTP_URL", self.mails.url());
        self.process(role, command)
    }

    /// Projectors on these databases that know nothing of Kafka.
    pub fn start_projectors_without_kafka(&self, databases: &Databases) -> Process {
        let command = self.mart(databases, &["up", "--role", "projectors"]);
        self.process("projectors-without-kafka", command)
    }

    fn process(&self, name: &str, command: Command) -> Process {
        let number = self.started.get() + 1;
        self.started.set(number);
        let name = format!("{number}-{name}");
        let logged = self.folder.join(format!("{name}.log"));
        Process::start(name, command, logged)
    }

    /// Runs an errand of the operator's to its end.
    pub async fn errand(&self, arguments: &[&str]) -> Output {
        let mut command = self.mart(&self.databases, arguments);
        command.env("KAFKA_BROKERS", self.broker.address());
        let child = tokio::task::spawn_blocking(move || {
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            children::spawn(command).wait_with_output()
        });
        child.await.expect("no panic").expect("it runs")
    }

    pub fn topics(&self) -> Topics {
        Topics::of(self.broker.address())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until all is shown and mirrored, and then insists that nothing is missing, doubled or different.
    pub async fn is_whole(&self) -> Mirror {
        self.databases.mirrored(QUIET).await;
        self.databases.shown(QUIET).await;
        let records = self.topics().read(of_the_mirror()).await;
        let mirror = Mirror::of(records);
        mirror.holds(&self.databases.log()).await;
        compare(self).await;
        mirror
    }
}

/// One process of each role that a scenario needs.
pub struct Staff {
    pub relay: Process,
    pub projectors: Process,
    pub write: Process,
    pub read: Process,
}

impl Staff {
    /// Somebody who gives commands.
    pub async fn load(&self, seed: u64) -> Load {
        Load::open(&self.write, seed).await
    }
}
