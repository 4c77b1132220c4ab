//! Which log this is: whoever keeps what it was told can see that it still follows the same one.

use anyhow::{Context as _, Result};
use sqlx::FromRow;
use uuid::Uuid;

use crate::Log;

/// A log, told from all others.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Identity {
    /// Made together with the log's tables.
    pub id: Uuid,
    /// The last committed position.
    pub head: i64,
    /// The database's name, for people.
    pub database: String,
}

impl Log {
    /// Which log this is, and how far it goes: both of one moment, and never from memory.
    pub async fn identity(&self) -> Result<Identity> {
        sqlx::query_as(
            "select id, position as head, current_database()::text as database from log_identity, log_head",
        )
        .fetch_one(self.pool())
        .await
        .context("cannot read which log this is")
    }
}
