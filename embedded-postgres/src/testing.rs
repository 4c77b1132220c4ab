//! One server for all test processes, and a fresh database for each test.
//!
//! The first test process starts the server, a supervisor stops it five seconds after the last one. It does not wait for
//! the disk, lets in everyone who reaches its socket (in a folder that nobody else may enter), and takes all it wrote with
//! it when it goes.

mod dropper;
mod folder;
mod server;
mod template;

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgPool};

use server::TestServer;

/// A database of one test; dropped behind its back when it goes out of scope.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    pool: PgPool,
    server: &'static TestServer,
}

impl TestDatabase {
    /// A pool of up to 16 connections.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    /// How to connect, for a pool of one's own.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.address.options(&self.name)
    }

    /// The same as an address.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.address.url(&self.name)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn create(template: Option<&'static Migrator>) -> Result<Self, sqlx::Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        let server = tokio::task::spawn_blocking(TestServer::get)
            .await
            .expect("the thread that looks for the server does not end early");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let mut admin = server.address.options("postgres").connect().await?;
        if number == 0 {
            dropper::drop_what_others_left(&mut admin).await?;
        }
        let template = match template {
            Some(migrator) => template::prepared(server, &mut admin, migrator).await?,
            None => "template0".to_owned(),
        };
        // Without writing the copy to the log as well: 9 ms instead of 40.
        let strategy = if server.major >= 15 {
            "strategy file_copy"
        } else {
            ""
        };
        admin
            .execute(format!("create database {name} template {template} {strategy}").as_str())
            .await?;
        admin.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .connect_lazy_with(server.address.options(&name));
        Ok(Self { name, pool, server })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        dropper::drop_later(std::mem::take(&mut self.name));
    }
}

/// A fresh database with these migrations applied.
pub async fn database(migrator: &'static Migrator) -> TestDatabase {
    let created = TestDatabase::create(Some(migrator)).await;
    created.expect("the tests' server makes a database")
}

/// A fresh, empty database.
pub async fn empty_database() -> TestDatabase {
    let created = TestDatabase::create(None).await;
    created.expect("the tests' server makes a database")
}
