//! A moment: a time, or a version.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use event_store::Log;
use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::Uuid;

use super::Aggregate;
use crate::audit::places::{guided, recorded_by};

/// When something was as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Everything that was recorded by then had happened.
    Time(DateTime<Utc>),
    /// Just after the thing's event of this sequence.
    Version(i64),
}

/// Neither a time nor a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // One that does not even fit is a version that nothing ever reaches.
            return match text.parse().unwrap_or(i64::MAX) {
                0 => Err(NoMoment),
                version => Ok(Self::Version(version)),
            };
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| NoMoment)?;
        Ok(Self::Time(time.to_utc()))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for NoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an RFC 3339 time, or a version from 1")
    }
}

impl std::error::Error for NoMoment {}

/// Where the log ended at that moment; none where the thing does not have that version.
pub(super) async fn position(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    moment: Moment,
) -> Result<Option<i64>> {
    match moment {
        Moment::Time(time) => at_time(log, time).await.map(Some),
        Moment::Version(version) => at_version(log, aggregate, id, version).await,
    }
    .context("cannot read the log")
}

async fn at_time(log: &Log, time: DateTime<Utc>) -> sqlx::Result<i64> {
    let mut transaction = guided(log.pool()).await?;
    let position = recorded_by(&mut transaction, time).await?;
    transaction.commit().await?;
    Ok(position)
}

async fn at_version(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    version: i64,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "select position from events where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
    )
    .bind(aggregate.name())
    .bind(id.to_string())
    .bind(version)
    .fetch_optional(log.pool())
    .await
}
