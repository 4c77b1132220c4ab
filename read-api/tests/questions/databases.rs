//! Where a world's log and read models are: each in a database of its own as in a real shop, or all in one, which is
//! made seven times as fast.

use std::{borrow::Cow, sync::LazyLock};

use embedded_postgres::testing::{self, TestDatabase};
use projectors::{INVENTORY, NOTIFICATION, ORDER, PAYMENT, PRODUCT, ReadDatabases, USER};
use sqlx::{
    PgPool,
    migrate::{Migration, Migrator},
};

pub struct Databases {
    pub log: PgPool,
    pub read: ReadDatabases,
    /// Dropped with the world.
    pub kept: Vec<TestDatabase>,
}

static TOGETHER: LazyLock<Migrator> = LazyLock::new(|| {
    let all = [
        &event_store::MIGRATOR,
        &PRODUCT,
        &INVENTORY,
        &ORDER,
        &USER,
        &PAYMENT,
        &NOTIFICATION,
    ];
    let migrations = (1..).zip(all.into_iter().flat_map(|migrator| migrator.iter()));
    let migrations = migrations.map(|(version, migration)| {
        let sql = migration
            .sql
            .replace(
                "create table checkpoint",
                "create table if not exists checkpoint",
            )
            .replace(
                "alter table checkpoint add column",
                "alter table checkpoint add column if not exists",
            )
            .replace("create table parked", "create table if not exists parked")
            .replace("create table rebuild", "create table if not exists rebuild");
        let (kind, no_tx) = (migration.migration_type, migration.no_tx);
        Migration::new(
            version,
            migration.description.clone(),
            kind,
            sql.into(),
            no_tx,
        )
    });
    Migrator {
        migrations: Cow::Owned(migrations.collect()),
        ..Migrator::DEFAULT
    }
});

pub async fn together() -> Databases {
    let database = testing::database(&TOGETHER).await;
    let pool = database.pool();
    Databases {
        log: pool.clone(),
        read: ReadDatabases {
            product: pool.clone(),
            inventory: pool.clone(),
            order: pool.clone(),
            user: pool.clone(),
            payment: pool.clone(),
            notification: pool,
        },
        kept: vec![database],
    }
}

pub async fn apart() -> Databases {
    let (log, product, inventory, order, user, payment, notification) = tokio::join!(
        testing::database(&event_store::MIGRATOR),
        testing::database(&PRODUCT),
        testing::database(&INVENTORY),
        testing::database(&ORDER),
        testing::database(&USER),
        testing::database(&PAYMENT),
        testing::database(&NOTIFICATION),
    );
    Databases {
        log: log.pool(),
        read: ReadDatabases {
            product: product.pool(),
            inventory: inventory.pool(),
            order: order.pool(),
            user: user.pool(),
            payment: payment.pool(),
            notification: notification.pool(),
        },
        kept: vec![log, product, inventory, order, user, payment, notification],
    }
}
