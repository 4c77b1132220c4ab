//! The append statement, its connection, and what to do when that breaks while a commit is under way.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, PgPool, Row};
use tokio::time::{Instant, timeout_at};

use crate::append::Append;
use crate::log::head;
use crate::stored::StreamKey;

/// Numbers the events from the one-row head and inserts them, in one statement that commits by itself. The head row's
/// lock lives until commit: no reader ever sees position p before p - 1, and there is no hole.
const APPEND: &str = "with head as (
        update log_head set position = position + $1, recorded_at = greatest(recorded_at, clock_timestamp())
        returning position - $1 as base, recorded_at
    ), written as (
        insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                            payload, metadata, event_id, recorded_at)
        select head.base + e.ordinal, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
               e.payload::json, e.metadata::json, e.event_id, head.recorded_at
        from head, unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[])
             with ordinality as e (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
                                   event_id, ordinal)
    )
    select base, recorded_at from head";

/// How long the database may take to answer, a broken connection's mending included, before the appends that wait for
/// it are given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause before a broken connection is mended, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Where a batch went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The position just before its first event.
    pub base: i64,
    /// The time of all its events.
    pub recorded_at: DateTime<Utc>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is in the log.
    Committed(Place),
    /// A stream has moved on; nothing was written.
    Conflict,
}

/// Which streams a part of the log is about.
#[derive(Debug)]
pub(crate) struct News {
    pub streams: Vec<StreamKey>,
    /// The last position of that part.
    pub through: i64,
}

/// The writer's own connection, opened when needed.
pub(crate) struct Connection {
    pool: PgPool,
    open: Option<PgConnection>,
    patience: Duration,
}

impl Connection {
    /// `pool` tells where to connect.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self::with_patience(pool, PATIENCE)
    }

    fn with_patience(pool: PgPool, patience: Duration) -> Self {
        Self {
            pool,
            open: None,
            patience,
        }
    }

    /// Appends all or nothing. When the connection breaks before the answer, the log is asked what became of it.
    pub(crate) async fn append(&mut self, batch: &[Append]) -> Result<Outcome> {
        let give_up = Instant::now() + self.patience;
        let (mut pause, longest) = PAUSES;
        let mut sent = false;
        loop {
            let connection = self.connect(give_up).await?;
            let error = match in_time(give_up, attempt(connection, batch, sent)).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            sent = true;
            self.open = None;
            if is_final(&error) || Instant::now() + pause >= give_up {
                return Err(error.into());
            }
            tracing::warn!(%error, "the append's connection broke; asking the log what became of the batch");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// The log's head; 0 when nothing has happened yet.
    pub(crate) async fn head(&mut self) -> Result<i64> {
        let connection = self.connect(Instant::now() + self.patience).await?;
        head(connection).await.context("cannot read the log's head")
    }

    /// What was written after `after`, up to `up_to` or the log's head.
    pub(crate) async fn news(&mut self, after: i64, up_to: Option<i64>) -> Result<News> {
        let give_up = Instant::now() + self.patience;
        loop {
            let was_open = self.open.is_some();
            let connection = self.connect(give_up).await?;
            let error = match in_time(give_up, news(connection, after, up_to)).await {
                Ok(news) => return Ok(news),
                Err(error) => error,
            };
            self.open = None;
            // A connection may have died while nobody used it; a new one tells.
            if !was_open || is_final(&error) {
                return Err(error).context("cannot read what was written lately");
            }
        }
    }

    async fn connect(&mut self, give_up: Instant) -> Result<&mut PgConnection> {
        if self.open.is_none() {
            let (mut pause, longest) = PAUSES;
            let connection = loop {
                match in_time(give_up, open(&self.pool)).await {
                    Ok(connection) => break connection,
                    Err(error) if Instant::now() + pause >= give_up => {
                        return Err(error).context("cannot connect to the event store");
                    }
                    Err(_) => tokio::time::sleep(pause).await,
                }
                pause = (pause * 2).min(longest);
            };
            self.open = Some(connection);
        }
        Ok(self.open.as_mut().expect("opened just above"))
    }
}

/// A database that is silent for too long is as good as gone: its connection is dropped.
async fn in_time<T>(
    give_up: Instant,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout_at(give_up, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// `sent`: an earlier connection broke with this batch on its way, which may be in the log, or get there yet.
async fn attempt(
    connection: &mut PgConnection,
    batch: &[Append],
    sent: bool,
) -> sqlx::Result<Outcome> {
    if sent && let Some(place) = settle(connection, batch).await? {
        return Ok(Outcome::Committed(place));
    }
    match insert(connection, batch).await {
        Ok(place) => Ok(Outcome::Committed(place)),
        Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {
            let own = if sent {
                settle(connection, batch).await?
            } else {
                None
            };
            Ok(own.map_or(Outcome::Conflict, Outcome::Committed))
        }
        Err(error) => Err(error),
    }
}

async fn open(pool: &PgPool) -> sqlx::Result<PgConnection> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    // The statement's shape never profits from a plan of its own; planning it anew each time costs more than running it.
    sqlx::query("set plan_cache_mode = force_generic_plan")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

async fn insert(connection: &mut PgConnection, batch: &[Append]) -> sqlx::Result<Place> {
    let events = || batch.iter().flat_map(|append| append.events.iter());
    let metadata: Vec<&str> = batch
        .iter()
        .flat_map(|append| std::iter::repeat_n(&*append.metadata, append.events.len()))
        .collect();
    let count = i64::try_from(metadata.len()).expect("a batch is small");
    let row = sqlx::query(APPEND)
        .bind(count)
        .bind(
            events()
                .map(|e| e.stream.aggregate_type)
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|e| e.stream.id.to_string())
                .collect::<Vec<_>>(),
        )
        .bind(events().map(|e| e.sequence).collect::<Vec<_>>())
        .bind(events().map(|e| e.event_type).collect::<Vec<_>>())
        .bind(events().map(|e| e.event_version).collect::<Vec<_>>())
        .bind(events().map(|e| e.payload.as_str()).collect::<Vec<_>>())
        .bind(metadata)
        .bind(events().map(|e| e.event_id).collect::<Vec<_>>())
        .fetch_one(connection)
        .await?;
    Ok(Place {
        base: row.get("base"),
        recorded_at: row.get("recorded_at"),
    })
}

/// Whether the batch is in the log. Holding the head row's lock while looking: an earlier backend that is still
/// committing it holds that lock until it is done.
async fn settle(connection: &mut PgConnection, batch: &[Append]) -> sqlx::Result<Option<Place>> {
    let Some(first) = batch.iter().flat_map(|append| append.events.iter()).next() else {
        return Ok(None);
    };
    let mut transaction = connection.begin().await?;
    sqlx::query("select position from log_head for update")
        .execute(&mut *transaction)
        .await?;
    let found: Option<(i64, DateTime<Utc>)> = sqlx::query_as(
        "select position, recorded_at from events
         where aggregate_type = $1 and aggregate_id = $2 and sequence = $3 and event_id = $4",
    )
    .bind(first.stream.aggregate_type)
    .bind(first.stream.id.to_string())
    .bind(first.sequence)
    .bind(first.event_id)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(found.map(|(position, recorded_at)| Place {
        base: position - 1,
        recorded_at,
    }))
}

async fn news(connection: &mut PgConnection, after: i64, up_to: Option<i64>) -> sqlx::Result<News> {
    let through = match up_to {
        Some(position) => position,
        None => head(&mut *connection).await?,
    };
    if through <= after {
        return Ok(News {
            streams: Vec::new(),
            through: after,
        });
    }
    let rows = sqlx::query(
        "select distinct aggregate_type, aggregate_id from events where position > $1 and position <= $2",
    )
    .bind(after)
    .bind(through)
    .fetch_all(connection)
    .await?;
    let streams = rows
        .iter()
        .filter_map(|row| {
            Some(StreamKey {
                aggregate_type: crate::publish::known_type(row.get("aggregate_type"))?,
                id: row.get::<&str, _>("aggregate_id").parse().ok()?,
            })
        })
        .collect();
    Ok(News { streams, through })
}

/// The database has answered, and will answer the same again.
pub(crate) fn is_final(error: &sqlx::Error) -> bool {
    match error {
        // Class 57: the server is going down or came back; 08: the connection; 40: serialization, deadlock; 53: resources.
        sqlx::Error::Database(e) => e.code().is_none_or(|code| {
            !["57", "08", "40", "53"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
