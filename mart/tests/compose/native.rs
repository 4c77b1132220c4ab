//! The services of compose.yml on this machine, each on a loopback address of its own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use embedded_postgres::Server;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::children;
use crate::file::{Compose, Service};
use crate::smtp;

/// How long a service may take until it is healthy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that is no service of ours runs; ours are started one by one.
pub struct Street {
    compose: Compose,
    /// Where others find a service; the first one's, where there are several of a kind.
    addresses: BTreeMap<String, String>,
    databases: Server,
    pub mails: smtp::Server,
    _broker: Broker,
    folder: TempDir,
}

impl Street {
    pub async fn open(variables: &[(&str, &str)]) -> Self {
        let compose = Compose::read(variables);
        let folder = children::folder();
        // Postgres' and the proxy's accounts have to get in when the tests run as root.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("ours");
        let block: [u8; 2] = rand::random();
        let mut addresses: BTreeMap<String, String> = compose
            .services()
            .into_iter()
            .zip(1..)
            .map(|(service, number)| (service.name, address(block, number)))
            .collect();
        let broker = Broker::start().await;
        let (kafka, port) = broker.address().split_once(':').expect("host and port");
        assert_eq!(port, "19092", "the port that compose.yml has");
        addresses.insert("kafka".to_owned(), kafka.to_owned());
        let databases = databases(&compose, &addresses, folder.path()).await;
        let mails = smtp::Server::start_on((addresses["mailpit"].as_str(), 1025)).await;
        Self {
            compose,
            addresses,
            databases,
            mails,
            _broker: broker,
            folder,
        }
    }

    pub fn address(&self, service: &str) -> &str {
        &self.addresses[service]
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every service of ours, each of its replicas, with nothing running yet.
    pub fn staff(&self) -> Vec<Process> {
        let mut staff = Vec::new();
        for service in self.compose.ours() {
            for replica in 1..=service.replicas() {
                let own = self.address(&service.name);
                // The second one of a kind lives at the same number in the next street.
                let own = if replica == 1 {
                    own.to_owned()
                } else {
                    let [a, b, c, d] = own.parse::<Ipv4Addr>().expect("one").octets();
                    Ipv4Addr::new(a, b, c, d + 100).to_string()
                };
                staff.push(self.process(&service, &own, replica));
            }
        }
        staff
    }

    fn process(&self, service: &Service, own: &str, replica: u64) -> Process {
        let mut environment = service.environment();
        assert_eq!(environment["MART_BIND"], "0.0.0.0");
        environment.insert("MART_BIND".to_owned(), own.to_owned());
        for value in environment.values_mut() {
            *value = self.led(value, &service.name);
        }
        let home = self.folder().join(format!("{}-{replica}", service.name));
        std::fs::create_dir(&home).expect("ours");
        if let Some(folder) = environment.get_mut("MART_AUDIT_DIR") {
            // Root file systems are read-only: it has to be a volume.
            assert_eq!(service.words("/volumes"), [format!("audit:{folder}")]);
            *folder = home.join("audit").display().to_string();
        }
        let health = service.words("/healthcheck/test");
        assert_eq!(health, ["CMD", "mart", "health"]);
        Process {
            name: format!("{}-{replica}", service.name),
            command: service.words("/command"),
            log: self
                .folder()
                .join(format!("{}-{replica}.log", service.name)),
            environment,
            home,
            child: None,
        }
    }

    /// The proxy: the image's program with the file's own command and configuration, `listen` and outgoing connections
    /// bound to its own address, and `/tmp` below our folder.
    pub fn proxy(&self) -> Process {
        let service = self.compose.service("proxy");
        let own = self.address("proxy");
        let tmp = format!("{}/", self.folder().join("proxy").display());
        std::fs::create_dir(&tmp).expect("ours");
        let placed = |text: &str| text.replace("/tmp/", &tmp);
        let mut environment = service.environment();
        let conf = environment.get_mut("NGINX_CONF").expect("it is there");
        *conf = placed(&self.led(conf, "proxy"))
            .replace("listen 127.0.0.1:", "listen ")
            .replace("listen ", &format!("listen {own}:"))
            // One process, which the kernel ends when the tests end, however that is.
            .replacen("worker_processes 2;", "master_process off;", 1)
            .replacen("http {", &format!("http {{ proxy_bind {own};"), 1);
        let command = service.words("/command");
        Process {
            name: "proxy".to_owned(),
            command: command.iter().map(|word| placed(word)).collect(),
            log: self.folder().join("proxy.log"),
            environment,
            home: self.folder().to_owned(),
            child: None,
        }
    }

    /// Names of other services become addresses, and so does the proxy's address in the containers' network.
    fn led(&self, text: &str, from: &str) -> String {
        let proxy = self.compose.service("proxy");
        let fixed = proxy.all["networks"]["edge"]["ipv4_address"].as_str();
        let mut text = replace_words(text, fixed.expect("an address"), self.address("proxy"));
        for (name, address) in &self.addresses {
            if name != from {
                text = replace_words(&text, name, address);
            }
        }
        text.replace(":5432/", &format!(":{}/", self.databases.port()))
    }
}

/// Never the address of a test in another process, nor one that brokers take.
fn address([high, low]: [u8; 2], number: u8) -> String {
    Ipv4Addr::new(127, 192 + high % 60, low, number).to_string()
}

/// One server in place of seven: it listens wherever one of them is expected, with the database that it would have.
async fn databases(
    compose: &Compose,
    addresses: &BTreeMap<String, String>,
    folder: &Path,
) -> Server {
    let mut services = compose.services();
    services.retain(|service| service.environment().contains_key("POSTGRES_DB"));
    assert_eq!(services.len(), 7);
    let account = services[0].environment();
    let mut settings = embedded_postgres::Settings::new(folder.join("postgres"));
    settings.user.clone_from(&account["POSTGRES_USER"]);
    settings.password.clone_from(&account["POSTGRES_PASSWORD"]);
    settings.port = 0;
    let listening = services
        .iter()
        .map(|service| addresses[&service.name].as_str());
    let listening: Vec<_> = std::iter::once("127.0.0.1").chain(listening).collect();
    // A server for each has 200 connections; nothing here is worth waiting for the disk.
    settings.max_connections = 300;
    for (name, value) in [
        ("listen_addresses", listening.join(",")),
        ("fsync", "off".into()),
    ] {
        settings.extra.push((name.to_owned(), value));
    }
    let names: Vec<_> = services
        .iter()
        .map(|service| service.environment()["POSTGRES_DB"].clone())
        .collect();
    let started = tokio::task::spawn_blocking(move || Server::start(settings, |_| {}));
    let server = started.await.expect("no panic").expect("Postgres starts");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    server.ensure_databases(&names).await.expect("databases");
    server
}

fn replace_words(text: &str, word: &str, by: &str) -> String {
    let of_a_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(word) {
        replaced += before;
        let inside = replaced.ends_with(of_a_word) || after.starts_with(of_a_word);
        replaced += if inside { word } else { by };
        rest = after;
    }
    replaced + rest
}

/// One container that is none.
pub struct Process {
    pub name: String,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    home: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    pub fn start(&mut self) {
        let (program, arguments) = match self.command.split_first() {
            Some((shell, rest)) if shell == "sh" => (shell.as_str(), rest),
            _ => (env!("CARGO_BIN_EXE_mart"), &self.command[..]),
        };
        let log = std::fs::File::create(&self.log).expect("our folder");
        let mut command = self.prepared(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log);
        self.child = Some(children::spawn(command));
    }

    /// With its environment and no other; a path is what every image has.
    fn prepared(&self, program: &str) -> Command {
        let mut command = children::command(program);
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .envs(&self.environment)
            .current_dir(&self.home);
        command
    }

    /// What its health check says.
    pub fn health(&self) -> Output {
        let mut command = self.prepared(env!("CARGO_BIN_EXE_mart"));
        command.arg("health").output().expect("it runs")
    }

    pub async fn healthy(&mut self) {
        let started = Instant::now();
        loop {
            let health = self.health();
            if health.status.success() {
                return;
            }
            let child = self.child.as_mut().expect("it was started");
            let ended = child.try_wait().expect("ours");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{} does not get healthy: {health:?}, {ended:?}",
                self.name
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// As `docker stop` does, within `stop_grace_period`. What it has written to where it runs, which containers may not.
    pub async fn stop(&mut self) -> (ExitStatus, Vec<PathBuf>) {
        let mut child = self.child.take().expect("it was started");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("ours") {
                break status;
            }
            if asked.elapsed() > Duration::from_secs(30) {
                self.child = Some(child);
                panic!("{} does not end", self.name);
            }
            sleep(Duration::from_millis(10)).await;
        };
        let written = std::fs::read_dir(&self.home).expect("ours");
        (
            status,
            written.map(|entry| entry.expect("ours").path()).collect(),
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let logged = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = logged.lines().collect();
            let last = &lines[lines.len().saturating_sub(20)..];
            println!("-- {}\n{}", self.name, last.join("\n"));
        }
    }
}

#[test]
fn names_are_replaced_as_whole_words() {
    for (text, replaced) in [
        (
            "postgres://a:b@event-store:5432/wasam_event_store",
            "postgres://a:b@HERE:5432/wasam_event_store",
        ),
        ("default event-store;", "default HERE;"),
        (
            "my-event-store event-store.example",
            "my-event-store event-store.example",
        ),
    ] {
        assert_eq!(replace_words(text, "event-store", "HERE"), replaced);
    }
}
