//! The seven databases of a shop, and how far its read models are.

use std::sync::Arc;
use std::time::Duration;

use embedded_postgres::testing::{TestDatabase, database};
use event_store::Log;
use futures::future::join_all;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

/// Cheap to clone.
#[derive(Clone)]
pub struct Databases {
    store: Arc<TestDatabase>,
    read_models: Arc<[ReadModel; 6]>,
}

/// One service's read models.
pub struct ReadModel {
    pub service: &'static str,
    setting: &'static str,
    database: TestDatabase,
}

impl ReadModel {
    pub fn pool(&self) -> PgPool {
        self.database.pool()
    }
}

impl Databases {
    /// Of a shop in which nothing has happened yet.
    pub async fn new() -> Self {
        let store = database(&event_store::MIGRATOR).await;
        // Tests' databases are copies of one; each log is one of its own all the same.
        sqlx::query("update log_identity set id = gen_random_uuid()")
            .execute(&store.pool())
            .await
            .expect("a new identity");
        Self {
            store: Arc::new(store),
            read_models: read_models().await,
        }
    }

    /// The same log, with empty read models.
    pub async fn with_empty_read_models(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            read_models: read_models().await,
        }
    }

    /// Settings that lead a process to them.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, String)> {
        let store = ("DATABASE_URL", self.store.url());
        let read_models = self.read_models.iter();
        std::iter::once(store).chain(read_models.map(|one| (one.setting, one.database.url())))
    }

    pub fn store(&self) -> PgPool {
        self.store.pool()
    }

    pub fn log(&self) -> Log {
        Log::open(self.store())
    }

    pub fn read_models(&self) -> &[ReadModel; 6] {
        &self.read_models
    }

    pub fn read_model(&self, service: &str) -> PgPool {
        let mut all = self.read_models.iter();
        let found = all.find(|one| one.service == service);
        found.expect("one of six").pool()
    }

    /// What this question about the event store's database is answered.
    pub async fn ask_store(&self, question: &str) -> i64 {
        number(&self.store(), question).await
    }

    pub async fn head(&self) -> i64 {
        self.ask_store("select position from log_head").await
    }

    /// Waits until every read model shows the log as it is now.
    pub async fn shown(&self, patience: Duration) {
        let (head, deadline) = (self.head().await, Instant::now() + patience);
        loop {
            let positions = self.positions().await;
            if positions.iter().all(|(_, position)| *position >= head) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the read models are behind {head}: {positions:?}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// How far each read model is; -1: it has not begun.
    pub async fn positions(&self) -> Vec<(&'static str, i64)> {
        join_all(self.read_models.iter().map(async |one| {
            let question = "select coalesce(min(position), -1) from checkpoint";
            (one.service, number(&one.pool(), question).await)
        }))
        .await
    }

    /// Waits until Kafka has acknowledged the log as it is now.
    pub async fn mirrored(&self, patience: Duration) {
        let (head, deadline) = (self.head().await, Instant::now() + patience);
        loop {
            let position = self.ask_store("select position from relay").await;
            if position >= head {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the relay is at {position} of {head}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn number(pool: &PgPool, question: &str) -> i64 {
    sqlx::query_scalar(question)
        .fetch_one(pool)
        .await
        .unwrap_or_else(|error| panic!("{question}: {error}"))
}

async fn read_models() -> Arc<[ReadModel; 6]> {
    let one = async |service, setting, migrator| ReadModel {
        service,
        setting,
        database: database(migrator).await,
    };
    Arc::new([
        one("product", "PRODUCT_DATABASE_URL", &projectors::PRODUCT).await,
        one(
            "inventory",
            "INVENTORY_DATABASE_URL",
            &projectors::INVENTORY,
        )
        .await,
        one("order", "ORDER_DATABASE_URL", &projectors::ORDER).await,
        one("user", "USER_DATABASE_URL", &projectors::USER).await,
        one("payment", "PAYMENT_DATABASE_URL", &projectors::PAYMENT).await,
        one(
            "notification",
            "NOTIFICATION_DATABASE_URL",
            &projectors::NOTIFICATION,
        )
        .await,
    ])
}
