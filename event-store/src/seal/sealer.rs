//! Sealing, off the commands' path: who does it, when, and what is in the way.
//!
//! Rounds are by the clock, not by the log's news: two small queries a second cost less than to be woken by each commit,
//! and a checkpoint of all that half a second brought costs the disk less than one for every so many events.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, PgPool};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::files::Files;
use super::key::SigningKey;
use super::own::Own;
use super::refusal::Refusal;
use super::round::{Sealing, gauge, in_time};
use super::tables::{self, Growing};
use super::{SealState, start};
use crate::Log;

/// How often what is new is sealed.
const ROUND: Duration = Duration::from_millis(500);
/// How often whoever waits looks whether it may seal.
const WAIT: Duration = Duration::from_secs(1);
/// The longest pause before the next try when something is in the way.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long the last round may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// "martseal": of all processes, whoever holds this advisory lock seals.
const LOCK: i64 = 0x6d61_7274_7365_616c;

/// Seals the log.
pub struct Sealer {
    pool: PgPool,
    own: Arc<Own>,
    directory: PathBuf,
    pub(crate) key: SigningKey,
    state: watch::Sender<SealState>,
}

impl Sealer {
    /// `directory` is where the signed checkpoints are kept, outside the database.
    #[must_use]
    pub fn new(log: &Log, directory: PathBuf, key: SigningKey) -> Self {
        Self {
            pool: log.pool().clone(),
            own: Arc::clone(log.feed().own()),
            directory,
            key,
            state: watch::Sender::default(),
        }
    }

    /// How far the log is sealed, and what is in the way.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<SealState> {
        self.state.subscribe()
    }

    /// Seals what is appended until told to stop, then what is left.
    pub async fn run(self, shutdown: CancellationToken) {
        let late = async {
            shutdown.cancelled().await;
            sleep(PATIENCE).await;
        };
        tokio::select! {
            () = self.work(&shutdown) => {}
            () = late => tracing::warn!("the end of the log is not sealed yet: the database is too slow"),
        }
    }

    async fn work(&self, shutdown: &CancellationToken) {
        let mut pause = ROUND;
        loop {
            let last = shutdown.is_cancelled();
            match self.seal(shutdown).await {
                Ok(()) => return,
                Err(error) if self.tell(&error) => pause = ROUND,
                Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
            if last {
                return;
            }
            shutdown.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Waits for its turn, then seals until told to stop, and all that is there by then.
    async fn seal(&self, shutdown: &CancellationToken) -> Result<()> {
        let mut sealing = loop {
            let last = shutdown.is_cancelled();
            match self.begin().await? {
                Some(sealing) => break sealing,
                None if last => return Ok(()),
                None => shutdown.run_until_cancelled(sleep(WAIT)).await,
            };
        };
        loop {
            let last = shutdown.is_cancelled();
            sealing.catch_up().await?;
            if last {
                return sealing.connection.close().await.map_err(Into::into);
            }
            shutdown.run_until_cancelled(sleep(ROUND)).await;
        }
    }

    /// Takes up sealing where it ended; `None` while another process seals.
    async fn begin(&self) -> Result<Option<Sealing<'_>>> {
        let (mut connection, mine) = in_time(connect(&self.pool)).await?;
        let (log, head): (Uuid, i64) =
            sqlx::query_as("select id, position from log_identity, log_head")
                .fetch_one(&mut connection)
                .await
                .context("cannot read which log this is")?;
        let sealed = tables::latest(&mut connection).await?;
        let sealed = sealed.map_or(0, |(checkpoint, _)| checkpoint.size);
        gauge("mart_unsealed_events", (head - sealed).max(0));
        let files = if mine {
            Files::open(&self.directory)?
        } else {
            None
        };
        let Some(mut files) = files else {
            self.sealed(sealed);
            self.over();
            return Ok(None);
        };
        let latest = start::agree(&mut connection, &mut files, log, &self.key.public()).await?;
        let tree = match &latest {
            Some((checkpoint, _)) => start::tree(&mut connection, checkpoint, head).await?,
            None => Growing::default(),
        };
        self.sealed(tree.size);
        Ok(Some(Sealing {
            connection,
            files,
            log,
            tree,
            latest,
            own: Arc::clone(&self.own).want(),
            sealer: self,
        }))
    }

    pub(crate) fn sealed(&self, position: i64) {
        gauge("mart_sealed_position", position);
        self.state.send_if_modified(|state| {
            let risen = state.sealed != position;
            state.sealed = position;
            risen
        });
    }

    /// Nothing is in the way.
    pub(crate) fn over(&self) {
        self.state.send_if_modified(|state| {
            let over = state.trouble.take().is_some();
            if over {
                tracing::info!(position = state.sealed, "sealing the log again");
            }
            over
        });
    }

    /// Tells what is in the way, once; whether it is new.
    fn tell(&self, error: &anyhow::Error) -> bool {
        let trouble = format!("{error:#}");
        self.state.send_if_modified(|state| {
            if state.trouble.as_ref() == Some(&trouble) {
                return false;
            }
            if error.is::<Refusal>() {
                tracing::error!(error = trouble, "the log is not sealed any more");
            } else {
                tracing::warn!(error = trouble, "cannot seal the log; trying again");
            }
            state.trouble = Some(trouble);
            true
        })
    }
}

/// Connects, and asks to be the one that seals.
async fn connect(pool: &PgPool) -> Result<(PgConnection, bool)> {
    let mut connection = PgConnection::connect_with(&pool.connect_options())
        .await
        .context("cannot connect to the event store")?;
    let mine = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await
        .context("cannot ask who seals the log")?;
    Ok((connection, mine))
}
