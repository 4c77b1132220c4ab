//! The log by position: read a page, follow it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, PgPool, Row};
use uuid::Uuid;

use crate::context::Metadata;
use crate::feed::Feed;
use crate::publish::publish;
use crate::stored::{Raw, StoredEvent};
use crate::subscription::Subscription;
use crate::trace;
use crate::upcasters::Attempts;

/// The columns of `events` that an event is made of, for [`concat!`]: what [`published`] and [`StoredEvent`] read.
macro_rules! columns {
    () => {
        "position, event_id, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, \
         recorded_at"
    };
}
pub(crate) use columns;

/// A page of the log: after `$1`, at most `$2`.
const PAGE: &str = concat!(
    "select ",
    columns!(),
    " from events where position > $1 order by position limit $2"
);

/// The log, for reading. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    pool: PgPool,
    feed: Arc<Feed>,
}

/// An event as the world outside the store sees it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Place in the log.
    pub position: i64,
    /// UUIDv7.
    pub event_id: Uuid,
    /// The product, stock record, order, user or payment that it is about.
    pub aggregate_id: Uuid,
    /// Place in its aggregate's stream, from 1; unpublished events count.
    pub sequence: i64,
    /// The database's time; never falls with the position.
    pub recorded_at: DateTime<Utc>,
    /// `anonymous`, `system` or a user's id.
    pub actor: String,
    /// The request that led to it.
    pub correlation_id: String,
    /// Its span in the request's trace, as W3C Trace Context writes it.
    pub traceparent: String,
    /// What happened.
    pub message: proto::Message,
}

/// Part of the log.
#[derive(Clone, Debug)]
pub struct Page {
    /// Published events in log order.
    pub events: Vec<Arc<Published>>,
    /// The checkpoint after applying `events`: the last position read, published or not.
    pub through: i64,
}

impl Log {
    /// For a process that only reads; wakes on the database's notifications.
    #[must_use]
    pub fn open(pool: PgPool) -> Self {
        let feed = Arc::new(Feed::new(pool.clone()));
        Self { pool, feed }
    }

    /// The last committed position; 0 when nothing has happened yet.
    pub async fn head(&self) -> Result<i64> {
        head(&self.pool).await.context("cannot read the log's head")
    }

    /// At most `limit` events after `after`, as they are published; fewer where an unreadable one follows.
    pub async fn read(&self, after: i64, limit: i64) -> Result<Page> {
        read(&self.pool, after, limit).await
    }

    /// At most `limit` events after `after`, as they are stored.
    pub async fn stored(&self, after: i64, limit: i64) -> Result<Vec<StoredEvent>> {
        sqlx::query_as(PAGE)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .context("cannot read the log")
    }

    /// Follows the log from just after `after`.
    #[must_use]
    pub fn subscribe(&self, after: i64) -> Subscription {
        Subscription::new(self.pool.clone(), Arc::clone(&self.feed), after)
    }

    /// What subscriptions of this process share.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Where the log is read from; for queries of one's own.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// The last committed position, as the database knows it.
pub(crate) async fn head(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select position from log_head")
        .fetch_one(executor)
        .await
}

pub(crate) async fn read(pool: &PgPool, after: i64, limit: i64) -> Result<Page> {
    let rows = sqlx::query(PAGE)
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
        .context("cannot read the log")?;
    let last = rows.last().map_or(after, |row| row.get("position"));
    // Positions are dense: a hole means that rows were taken away, and skipping it would hide that for ever.
    anyhow::ensure!(
        last - after == i64::try_from(rows.len())?,
        "the log has a hole between positions {after} and {last}"
    );
    let attempts = Attempts::before(pool, &rows).await?;
    let mut page = Page {
        events: Vec::with_capacity(rows.len()),
        through: after,
    };
    for row in &rows {
        let event =
            published(row).and_then(|event| event.map(|e| attempts.complete(e)).transpose());
        match event {
            Ok(event) => page.events.extend(event.map(Arc::new)),
            // An event that nobody understands stops its readers just before it, not a page earlier.
            Err(_) if page.through > after => break,
            Err(error) => return Err(error),
        }
        page.through += 1;
    }
    Ok(page)
}

/// A row as it is published; `None` where it is nobody else's business.
pub(crate) fn published(row: &PgRow) -> Result<Option<Published>> {
    let payload: &RawValue = row.try_get("payload")?;
    let metadata: &RawValue = row.try_get("metadata")?;
    let raw = Raw {
        aggregate_type: row.try_get("aggregate_type")?,
        aggregate_id: row.try_get("aggregate_id")?,
        sequence: row.try_get("sequence")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload,
    };
    let (event_id, position) = (row.try_get("event_id")?, row.try_get("position")?);
    publish_at(
        &raw,
        metadata.get(),
        event_id,
        position,
        row.try_get("recorded_at")?,
    )
}

/// A stored event as it is published; `None` where it is nobody else's business.
pub(crate) fn publish_at(
    raw: &Raw<'_>,
    metadata: &str,
    event_id: Uuid,
    position: i64,
    recorded_at: DateTime<Utc>,
) -> Result<Option<Published>> {
    let Some(message) = publish(raw)? else {
        return Ok(None);
    };
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|e| raw.unreadable(&e))?;
    Ok(Some(Published {
        position,
        event_id,
        aggregate_id: raw.aggregate_id.parse().map_err(|e| raw.unreadable(&e))?,
        sequence: raw.sequence,
        recorded_at,
        traceparent: trace::of_event(&metadata, event_id),
        actor: metadata.actor,
        correlation_id: metadata.correlation_id,
        message,
    }))
}
