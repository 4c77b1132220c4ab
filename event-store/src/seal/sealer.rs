//! Sealing, off the commands' path: what is new is read back in rounds, and each round ends with a signed checkpoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, PgPool};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::Files;
use super::key::SigningKey;
use super::leaf::{Leaf, leaf_columns};
use super::own::{Own, Wanted};
use super::refusal::Refusal;
use super::tables::{self, Growing, Tiles};
use super::{SealState, start};
use crate::Log;
use crate::log::head;

/// How often what is new is sealed.
const ROUND: Duration = Duration::from_millis(500);
/// Events that one checkpoint seals at most, and that one read fetches.
const LONGEST_ROUND: i64 = 10_000;
const PAGE: i64 = 1_000;
/// How often whoever waits looks whether it may seal.
const WAIT: Duration = Duration::from_secs(1);
/// The longest pause before the next try when something is in the way.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long the database may take to answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// How long the last round may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// "martseal": of all processes, whoever holds this advisory lock seals.
const LOCK: i64 = 0x6d61_7274_7365_616c;

/// Seals the log.
pub struct Sealer {
    pool: PgPool,
    own: Arc<Own>,
    directory: PathBuf,
    key: SigningKey,
    state: watch::Sender<SealState>,
}

/// The one that seals.
struct Sealing<'a> {
    connection: PgConnection,
    files: Files,
    log: Uuid,
    tree: Growing,
    latest: Option<(Checkpoint, String)>,
    /// What this process appends meanwhile.
    own: Wanted,
    sealer: &'a Sealer,
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

    fn sealed(&self, position: i64) {
        gauge("mart_sealed_position", position);
        self.state.send_if_modified(|state| {
            let risen = state.sealed != position;
            state.sealed = position;
            risen
        });
    }

    /// Nothing is in the way.
    fn over(&self) {
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

impl Sealing<'_> {
    /// Seals all that is there.
    async fn catch_up(&mut self) -> Result<()> {
        while self.round().await? {}
        self.sealer.over();
        Ok(())
    }

    /// Appends the leaves of what this process itself has appended, and of what others have in between.
    async fn seal_own(&mut self, tree: &mut Growing, tiles: &mut Tiles) -> Result<()> {
        for batch in self.own.take() {
            while tree.size < batch.base() {
                let missing = PAGE.min(batch.base() - tree.size);
                let read = in_time(read(&mut self.connection, tree, tiles, missing)).await?;
                if read == 0 {
                    return Err(Refusal::Hole(tree.size + 1, batch.base() + 1).into());
                }
            }
            for leaf in batch.leaves(tree.size) {
                tree.push(leaf.hash(), tiles);
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Seals what is new, and signs for it; whether there may be more.
    async fn round(&mut self) -> Result<bool> {
        let mut tree = self.tree.clone();
        let mut tiles = Tiles::default();
        self.seal_own(&mut tree, &mut tiles).await?;
        let end = self.tree.size + LONGEST_ROUND;
        let more = loop {
            let read = in_time(read(&mut self.connection, &mut tree, &mut tiles, PAGE)).await?;
            if read < PAGE || tree.size >= end {
                break read == PAGE;
            }
        };
        let new = tree.size - self.tree.size;
        if new == 0 {
            gauge("mart_unsealed_events", 0);
            return Ok(false);
        }
        let behind = if more {
            head(&mut self.connection).await? - tree.size
        } else {
            0
        };
        tree.finish(&mut tiles);
        let checkpoint = Checkpoint::sign(
            &self.sealer.key,
            self.log,
            (tree.size, tree.root()),
            self.latest.as_ref(),
        );
        let line = checkpoint.line();
        in_time(tables::keep(&mut self.connection, &tiles, &line)).await?;
        self.files.append(&checkpoint, &line).await?;
        self.tree = tree;
        self.latest = Some((checkpoint, line));
        self.sealer.sealed(self.tree.size);
        gauge("mart_unsealed_events", behind);
        Ok(more)
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

/// A database that is silent for too long is as good as gone.
async fn in_time<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let answered = timeout(LONGEST_SILENCE, answer).await;
    answered.context("the database does not answer")?
}

/// Appends the next page's leaves to the tree; how many they are.
async fn read(
    connection: &mut PgConnection,
    tree: &mut Growing,
    tiles: &mut Tiles,
    limit: i64,
) -> Result<i64> {
    let rows = sqlx::query(concat!(
        "select ",
        leaf_columns!(),
        " from events where position > $1 order by position limit $2"
    ))
    .bind(tree.size)
    .bind(limit)
    .fetch_all(connection)
    .await
    .context("cannot read the log")?;
    for row in &rows {
        let leaf = Leaf::read(row)?;
        let expected = tree.size + 1;
        if leaf.position != expected {
            return Err(Refusal::Hole(expected, leaf.position).into());
        }
        tree.push(leaf.hash(), tiles);
    }
    Ok(i64::try_from(rows.len())?)
}

#[expect(clippy::cast_precision_loss, reason = "positions stay far below 2^53")]
fn gauge(name: &'static str, value: i64) {
    metrics::gauge!(name).set(value as f64);
}
