//! An account as it was, for those who audit: what its owner sees.

use anyhow::Result;
use chrono::{DateTime, Utc};
use event_store::Log;
use projectors::user;
use proto::Topic;
use serde::Serialize;
use uuid::Uuid;

use super::{Aggregate, Past, fold};

#[derive(Serialize)]
pub(super) struct Account {
    user_id: Uuid,
    username: String,
    email: String,
    role: String,
    registered_at: DateTime<Utc>,
}

impl Past for Account {
    const AGGREGATE: Aggregate = Aggregate::Account;

    async fn then(log: &Log, id: Uuid, position: i64) -> Result<Option<Self>> {
        let row = fold(log, Topic::User, id, position, None, user::fold).await?;
        Ok(row.map(|row| Self {
            user_id: row.user_id,
            username: row.username,
            email: row.email,
            role: row.role,
            registered_at: row.registered_at,
        }))
    }
}
