//! The read models' databases, one per service.

use anyhow::{Context as _, Result};
use event_store::Log;
use sqlx::{PgPool, migrate::Migrator};

use crate::{checkpoint, projections};

/// Tables of the product database.
pub static PRODUCT: Migrator = sqlx::migrate!("../migrations/product");
/// Tables of the inventory database.
pub static INVENTORY: Migrator = sqlx::migrate!("../migrations/inventory");
/// Tables of the order database.
pub static ORDER: Migrator = sqlx::migrate!("../migrations/order");
/// Tables of the user database.
pub static USER: Migrator = sqlx::migrate!("../migrations/user");
/// Tables of the payment database.
pub static PAYMENT: Migrator = sqlx::migrate!("../migrations/payment");
/// Tables of the notification database.
pub static NOTIFICATION: Migrator = sqlx::migrate!("../migrations/notification");

/// A connection pool for each service's read model.
///
/// While projections run, each holds one connection of its pool, and the mailer one or two of notification's: a pool
/// needs at least four. A rebuild brings a connection of its own.
#[derive(Clone, Debug)]
pub struct ReadDatabases {
    /// Projection `product`.
    pub product: PgPool,
    /// Projection `inventory`.
    pub inventory: PgPool,
    /// Projection `orders`.
    pub order: PgPool,
    /// Projection `user`.
    pub user: PgPool,
    /// Projection `payment`.
    pub payment: PgPool,
    /// Projection `notification`, and the mails' deliveries.
    pub notification: PgPool,
}

impl ReadDatabases {
    /// Creates the tables that are missing. Several processes may do so at once.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        tokio::try_join!(
            PRODUCT.run(&self.product),
            INVENTORY.run(&self.inventory),
            ORDER.run(&self.order),
            USER.run(&self.user),
            PAYMENT.run(&self.payment),
            NOTIFICATION.run(&self.notification),
        )?;
        Ok(())
    }
}

/// Whether these read models, if they have rows at all, were made from this log, and the log is not older than they
/// are: an error that says what to do where not. Writes nothing. The tables must be there already.
pub async fn check(log: &Log, databases: &ReadDatabases) -> Result<()> {
    let mut found = Vec::new();
    for projection in projections() {
        let checkpoint = checkpoint::find(projection.database(databases), projection).await;
        found.extend(checkpoint.context("cannot read how far the read models are")?);
    }
    // After the checkpoints: meanwhile the log may only have grown.
    let log = log.identity().await?;
    for checkpoint in found {
        checkpoint.check(&log)?;
    }
    Ok(())
}
