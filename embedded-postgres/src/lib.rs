//! Finds, starts and stops a PostgreSQL server of our own; databases for tests.

mod account;
mod binaries;
mod child;
mod cluster;
mod error;
mod orphan;
mod settings;
mod socket;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::Error;
pub use settings::Settings;

use std::path::{Path, PathBuf};

/// The oldest major version that will do.
pub const MINIMUM_MAJOR: u32 = 14;
/// Where the data goes when root's own folders shut PostgreSQL's account out.
pub const SYSTEM_DATA_DIR: &str = "/var/lib/online-mart";

/// A running server; its data directory is locked while it lives. Dropping it stops it.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts the server: finds or downloads its programs, makes the cluster the first time, settles what an earlier run
    /// left. Blocking (seconds, the first time): call it before the runtime starts or on a blocking thread.
    /// `say` is told what is being waited for.
    pub fn start(_settings: Settings, _say: impl FnMut(&str)) -> Result<Self, Error> {
        unimplemented!()
    }
    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        unimplemented!()
    }
    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        unimplemented!()
    }
    /// The folder of the unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        unimplemented!()
    }
    /// How to connect to a database, by the socket.
    #[must_use]
    pub fn options(&self, _database: &str) -> sqlx::postgres::PgConnectOptions {
        unimplemented!()
    }
    /// The same as an address that libpq understands, too.
    #[must_use]
    pub fn url(&self, _database: &str) -> String {
        unimplemented!()
    }
    /// Makes the database when it is missing.
    #[expect(clippy::unused_async, reason = "filled in next")]
    pub async fn ensure_database(&self, _database: &str) -> Result<(), Error> {
        unimplemented!()
    }
    /// Tells when the server ended without being asked to, and how.
    #[must_use]
    pub fn died(&self) -> tokio::sync::watch::Receiver<Option<String>> {
        unimplemented!()
    }
    /// Stops the server cleanly; close the pools first. Blocking. Dropping does the same.
    pub fn stop(self) {}
}

/// The server of another process.
#[derive(Debug, Clone)]
pub struct Joined;

impl Joined {
    /// How to connect to a database, by the socket.
    #[must_use]
    pub fn options(&self, _database: &str) -> sqlx::postgres::PgConnectOptions {
        unimplemented!()
    }
    /// The same as an address that libpq understands, too.
    #[must_use]
    pub fn url(&self, _database: &str) -> String {
        unimplemented!()
    }
}

/// Finds the running server of a data directory by its socket: for commands that join a shop which runs already.
#[must_use]
pub fn join(_data_dir: &Path, _user: &str, _password: &str) -> Option<Joined> {
    unimplemented!()
}

/// The data directory to use: `dir` itself, or, when we are root and PostgreSQL's account can't walk to it,
/// [`SYSTEM_DATA_DIR`]; when `dir` was set explicitly, that is an error instead.
pub fn reachable_data_dir(_dir: &Path, _explicit: bool) -> Result<PathBuf, Error> {
    unimplemented!()
}
