//! The read models, as psql sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;

use crate::program::Place;
use crate::scene::{database, event_store};

/// Each projection, its database, and the table that everybody knows.
pub const PROJECTIONS: [(&str, &str, &str); 6] = [
    ("product", "wasam_database_product", "product"),
    ("inventory", "wasam_database_inventory", "inventory"),
    ("orders", "wasam_database_order", "orders"),
    ("user", "wasam_database_user", "\"user\""),
    ("payment", "wasam_database_payment", "payment"),
    ("notification", "wasam_database_notification", "mail"),
];

/// What is not folded from the log.
const OTHERS: [&str; 5] = [
    "_sqlx_migrations",
    "checkpoint",
    "delivery",
    "parked",
    "rebuild",
];

/// The databases of the read models.
pub struct ReadModels {
    pools: Vec<(&'static str, PgPool)>,
    log: PgPool,
}

impl ReadModels {
    pub async fn of(place: &Place) -> Self {
        let mut pools = Vec::new();
        for (projection, name, _) in PROJECTIONS {
            pools.push((projection, database(place, name).await));
        }
        let log = event_store(place).await;
        Self { pools, log }
    }

    pub fn of_projection(&self, name: &str) -> &PgPool {
        let found = self
            .pools
            .iter()
            .find(|(projection, _)| *projection == name);
        &found.expect("one of six").1
    }

    /// Waits until all that was written is applied.
    pub async fn at_rest(&self) {
        let head: i64 = sqlx::query_scalar("select position from log_head")
            .fetch_one(&self.log)
            .await
            .expect("a head");
        for (projection, pool) in &self.pools {
            let mut position = 0;
            for _ in 0..1_200 {
                position = sqlx::query_scalar(
                    "select position from public.checkpoint where projection = $1",
                )
                .bind(projection)
                .fetch_one(pool)
                .await
                .expect("a checkpoint");
                if position >= head {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
            assert!(
                position >= head,
                "{projection} is at {position}, the log at {head}"
            );
        }
    }

    /// Every row of every table that is folded from the log.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut rows = BTreeMap::new();
        for (projection, pool) in &self.pools {
            let of_this = self::rows(pool).await;
            rows.extend(
                of_this
                    .into_iter()
                    .map(|(table, rows)| (format!("{projection}: {table}"), rows)),
            );
        }
        rows
    }

    /// Schemas beside the one that everybody reads, by database.
    pub async fn schemas(&self) -> Vec<String> {
        let mut schemas = Vec::new();
        for (_, pool) in &self.pools {
            let found: Vec<String> = sqlx::query_scalar(
                "select nspname::text from pg_namespace
                 where nspname not in ('public', 'information_schema') and nspname not like 'pg\\_%' order by nspname",
            )
            .fetch_all(pool)
            .await
            .expect("it reads");
            schemas.extend(found);
        }
        schemas
    }

    /// Every relation that everybody reads, tables and indexes.
    pub async fn relations(&self) -> Vec<String> {
        let mut relations = Vec::new();
        for (projection, pool) in &self.pools {
            let found: Vec<String> = sqlx::query_scalar(
                "select relname::text from pg_class where relnamespace = 'public'::regnamespace order by relname",
            )
            .fetch_all(pool)
            .await
            .expect("it reads");
            relations.extend(found.iter().map(|name| format!("{projection}: {name}")));
        }
        relations
    }
}

/// Every row of a database's tables that are folded from the log, by table.
pub async fn rows(pool: &PgPool) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for table in tables(pool).await {
        let all = format!("select t::text from public.{table} t order by t::text");
        let all = sqlx::query_scalar(&all).fetch_all(pool).await;
        rows.insert(table, all.expect("it reads"));
    }
    rows
}

async fn tables(pool: &PgPool) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(relname) from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> all($1) order by relname",
    )
    .bind(OTHERS.as_slice())
    .fetch_all(pool)
    .await
    .expect("it reads");
    assert!(!tables.is_empty());
    tables
}
