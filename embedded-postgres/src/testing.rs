//! One server for all test processes, and a fresh database for each test.

use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;

/// A database of one test; dropped behind its back when it goes out of scope.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    pool: PgPool,
    options: PgConnectOptions,
    url: String,
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
        self.options.clone()
    }
    /// The same as an address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A fresh database with these migrations applied.
#[expect(clippy::unused_async, reason = "filled in next")]
pub async fn database(_migrator: &'static Migrator) -> TestDatabase {
    unimplemented!()
}

/// A fresh, empty database.
#[expect(clippy::unused_async, reason = "filled in next")]
pub async fn empty_database() -> TestDatabase {
    unimplemented!()
}
