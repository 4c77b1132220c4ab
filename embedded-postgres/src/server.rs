//! Starting the server.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::watch;

use crate::account::Account;
use crate::binaries::{Binaries, Cluster};
use crate::cluster::{self, Kind};
use crate::directory::{Locked, NO_LINK};
use crate::error::Trying;
use crate::process::Process;
use crate::socket::{self, Address};
use crate::{Error, Settings, orphan, port};

/// Recovering after a crash reads a lot of log.
const PATIENCE: Duration = Duration::from_mins(10);
const LONGEST_LOG: u64 = 10 << 20;

/// A running server; its data directory is locked while it lives. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    // In the order in which they go: the lock is the last.
    process: Process,
    address: Address,
    _socket_dir: Vanishing,
    _directory: Locked,
}

impl Server {
    /// Starts the server: finds or downloads its programs, makes the cluster the first time, settles what an earlier run
    /// left. Blocking (seconds, the first time): call it before the runtime starts or on a blocking thread.
    /// `say` is told what is being waited for.
    pub fn start(settings: Settings, mut say: impl FnMut(&str)) -> Result<Self, Error> {
        Self::begin(settings, &mut say)
    }

    fn begin(mut settings: Settings, say: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let directory = Locked::open(&settings.data_dir)?;
        settings.data_dir.clone_from(&directory.path);
        let cluster = directory.cluster();
        let account = Account::of(&cluster)?;
        directory.open_for(&account)?;

        let major = cluster::major(&cluster)?;
        let existing = major.map(|major| Cluster {
            directory: &cluster,
            major,
        });
        let binaries = Binaries::find(&settings, &account, existing, say)?;
        if existing.is_none() {
            say(&format!(
                "making the database (PostgreSQL {})",
                binaries.version
            ));
            let kind = Kind::Durable {
                password: &settings.password,
            };
            cluster::create(&cluster, &settings.user, &kind, &binaries, &account)?;
        }
        orphan::settle(&cluster, &account, say)?;
        let socket_dir = socket::make_folder(&directory.path.join("run"), &account)?;

        say(&format!("starting PostgreSQL {}", binaries.version));
        let start = Start {
            settings: &settings,
            binaries: &binaries,
            account: &account,
            cluster: &cluster,
            socket_dir: &socket_dir,
            log: directory.path.join("postgres.log"),
        };
        let vanishing = Vanishing(socket_dir.clone());
        let (process, port) = start.on_a_free_port(say)?;
        Ok(Self {
            process,
            address: Address {
                socket_dir,
                port,
                user: settings.user,
                password: settings.password,
            },
            _socket_dir: vanishing,
            _directory: directory,
        })
    }

    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The folder of the unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.address.socket_dir
    }

    /// How to connect to a database, by the socket.
    #[must_use]
    pub fn options(&self, database: &str) -> PgConnectOptions {
        self.address.options(database)
    }

    /// The same as an address, which libpq (psql) understands, too.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Makes those of these databases that are missing.
    pub async fn ensure_databases(&self, databases: &[&str]) -> Result<(), Error> {
        let mut admin = self.options("postgres").connect().await?;
        let there: Vec<String> = sqlx::query_scalar("select datname::text from pg_database")
            .fetch_all(&mut admin)
            .await?;
        for database in databases {
            if there.iter().any(|there| there == database) {
                continue;
            }
            let quoted = database.replace('"', "\"\"");
            admin
                .execute(format!("create database \"{quoted}\"").as_str())
                .await?;
        }
        admin.close().await?;
        Ok(())
    }

    /// Tells when the server ended without being asked to, and how.
    #[must_use]
    pub fn died(&self) -> watch::Receiver<Option<String>> {
        self.process.died()
    }

    /// Stops the server cleanly; close the pools first. Blocking. Dropping does the same.
    pub fn stop(self) {}

    /// The same, and ends it by force (in at most 2 s more) when it takes longer than `patience`, which is an error:
    /// the next start has to recover.
    pub fn stop_within(mut self, patience: Duration) -> Result<(), Error> {
        if self.process.stop(patience) {
            Ok(())
        } else {
            Err(Error::NotStopped)
        }
    }
}

/// A folder that is removed when the server is gone; it need not lie in the data directory.
#[derive(Debug)]
struct Vanishing(PathBuf);

impl Drop for Vanishing {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All that a start needs.
struct Start<'a> {
    settings: &'a Settings,
    binaries: &'a Binaries,
    account: &'a Account,
    cluster: &'a Path,
    socket_dir: &'a Path,
    log: PathBuf,
}

impl Start<'_> {
    /// Someone may take a port between our look and the server's.
    fn on_a_free_port(&self, say: &mut dyn FnMut(&str)) -> Result<(Process, u16), Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = port::free(self.settings.port);
            match self.on_port(port, say) {
                Ok(process) => {
                    if self.settings.port != 0 && port != self.settings.port {
                        say(&format!(
                            "port {} is taken: PostgreSQL listens on {port}",
                            self.settings.port
                        ));
                    }
                    return Ok((process, port));
                }
                Err(Error::NotStarted(reason))
                    if reason.contains("could not bind") && attempts < 3 => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn on_port(&self, port: u16, say: &mut dyn FnMut(&str)) -> Result<Process, Error> {
        let log = self.open_log().trying("open", &self.log)?;
        let log_length = log.metadata().trying("read", &self.log)?.len();
        let program = self.binaries.folder.join("postgres");
        let mut command = self.account.command(&program);
        command.arg("-D").arg(self.cluster);
        for (name, value) in self.settings.configuration(self.socket_dir, port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .stdout(log.try_clone().trying("open", &self.log)?)
            .stderr(log);
        let process = Process::start(command).trying("run", &program)?;
        self.wait_until_ready(process, log_length, say)
    }

    fn wait_until_ready(
        &self,
        process: Process,
        log_length: u64,
        say: &mut dyn FnMut(&str),
    ) -> Result<Process, Error> {
        let begin = Instant::now();
        let mut next_word = Duration::from_secs(10);
        loop {
            let postmaster = cluster::postmaster(self.cluster);
            if postmaster.is_some_and(|found| found.pid == process.pid && found.ready) {
                return Ok(process);
            }
            if let Some(how) = process.died().borrow().as_ref() {
                return Err(Error::NotStarted(format!(
                    "{how}\n{}",
                    self.end_of_log(log_length)
                )));
            }
            if begin.elapsed() > PATIENCE {
                return Err(Error::NotStarted(format!(
                    "it is not ready yet\n{}",
                    self.end_of_log(log_length)
                )));
            }
            if begin.elapsed() > next_word {
                say(&format!(
                    "PostgreSQL is still starting after {} s (it recovers)",
                    next_word.as_secs()
                ));
                next_word *= 2;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn open_log(&self) -> std::io::Result<File> {
        if fs::metadata(&self.log).is_ok_and(|log| log.len() > LONGEST_LOG) {
            fs::rename(&self.log, self.log.with_extension("log.old"))?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&self.log)
    }

    fn end_of_log(&self, from: u64) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(from))?;
            log.read_to_end(&mut text)
        });
        if read.is_err() {
            return String::new();
        }
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}
