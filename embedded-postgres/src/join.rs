//! Joining a server that another process has started.

use std::os::unix::net::UnixStream;
use std::path::Path;

use sqlx::postgres::PgConnectOptions;

use crate::socket::Address;
use crate::{cluster, directory};

/// The server of another process.
#[derive(Clone, Debug)]
pub struct Joined(Address);

/// Finds the running server of a data directory by its socket: for commands that join a shop which runs already.
#[must_use]
pub fn join(data_dir: &Path, user: &str, password: &str) -> Option<Joined> {
    let server = cluster::postmaster(&directory::cluster(data_dir))?;
    let socket = server.socket_dir.join(format!(".s.PGSQL.{}", server.port));
    if !server.ready || UnixStream::connect(socket).is_err() {
        return None;
    }
    Some(Joined(Address {
        socket_dir: server.socket_dir,
        port: server.port,
        user: user.to_owned(),
        password: password.to_owned(),
    }))
}

impl Joined {
    /// How to connect to a database, by the socket.
    #[must_use]
    pub fn options(&self, database: &str) -> PgConnectOptions {
        self.0.options(database)
    }

    /// The same as an address, which libpq (psql) understands, too.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.0.url(database)
    }
}
