//! What every question needs: the read models, how far they are, and the log.

use std::time::Duration;

use axum::extract::FromRef;
use event_store::Log;
use projectors::{Progress, ReadDatabases, Wanted};
use proto::Topic;
use service::{Common, ConsistencyToken, Freshness, Problem, Result};
use tokio::time::Instant;

use crate::rebuild::Rebuilds;

/// How long a read waits until it can show what the caller has seen written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers questions. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    /// Of the six services.
    pub databases: ReadDatabases,
    /// How far each projection has come.
    pub progress: Progress,
    /// What the HTTP side shares.
    pub common: Common,
    /// The truth itself, for the audit trail and histories.
    pub log: Log,
    /// Those that this process was asked for.
    pub rebuilds: Rebuilds,
}

impl Reader {
    /// Waits until the projection shows what this caller must see.
    pub(crate) async fn shows(&self, projection: &'static str, freshness: Freshness) -> Result<()> {
        match freshness.token() {
            Some(token) => self.reaches(projection, wanted(token)).await,
            None => Ok(()),
        }
    }

    /// Waits until the projection shows what is wanted.
    pub(crate) async fn reaches(
        &self,
        projection: &'static str,
        wanted: impl Into<Wanted>,
    ) -> Result<()> {
        if self
            .progress
            .of(projection)
            .wait_for(wanted, Instant::now() + PATIENCE)
            .await
        {
            return Ok(());
        }
        Err(behind())
    }

    /// Refuses where the log itself is not as long as this caller knows it: it always is, save where a copy is read.
    pub(crate) async fn remembers(&self, freshness: Freshness) -> Result<()> {
        let Some(position) = freshness.position() else {
            return Ok(());
        };
        match self.log.head().await.map_err(no_answer)? {
            head if head >= position => Ok(()),
            _ => Err(behind()),
        }
    }

    /// The log's last position.
    pub(crate) async fn head(&self) -> Result<i64> {
        self.log.head().await.map_err(no_answer)
    }
}

impl FromRef<Reader> for Common {
    fn from_ref(reader: &Reader) -> Self {
        reader.common.clone()
    }
}

/// What a token asks of a projection. One that names a topic which this program does not know asks for the whole log.
fn wanted(token: &ConsistencyToken) -> Wanted {
    let streams = token
        .streams()
        .iter()
        .map(|stream| Some((Topic::numbered(stream.topic)?, stream.key, stream.position)));
    match streams.collect::<Option<Vec<_>>>() {
        Some(streams) => Wanted::of(token.position(), streams),
        None => Wanted::from(token.position()),
    }
}

fn behind() -> Problem {
    Problem::unavailable("what was written is not shown here yet").retry_after(1)
}

/// As [`database`], of whatever asked one.
pub(crate) fn no_answer(error: anyhow::Error) -> Problem {
    match error.downcast::<sqlx::Error>() {
        Ok(error) => database(error),
        Err(error) => error.into(),
    }
}

/// A database that can't be reached is a matter of waiting, everything else a fault of ours.
pub(crate) fn database(error: sqlx::Error) -> Problem {
    let away = match &error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // connection trouble, out of resources, shut down by an operator
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    };
    if away {
        tracing::warn!(error = %error, "a database does not answer");
        return Problem::unavailable("the database does not answer").retry_after(1);
    }
    anyhow::Error::new(error).context("a query failed").into()
}
