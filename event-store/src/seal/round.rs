//! One round of sealing: what is new is put into the tree, and a signed checkpoint tells of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::postgres::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::Files;
use super::leaf::{Leaf, leaf_columns};
use super::own::Wanted;
use super::refusal::Refusal;
use super::sealer::Sealer;
use super::tables::{self, Growing, Tiles};
use crate::log::head;

/// Events that one checkpoint seals at most of those that are read back, and that one read fetches.
const LONGEST_ROUND: i64 = 10_000;
const PAGE: i64 = 1_000;
/// How long the database may take to answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The one that seals.
pub(crate) struct Sealing<'a> {
    pub connection: PgConnection,
    pub files: Files,
    pub log: Uuid,
    pub tree: Growing,
    pub latest: Option<(Checkpoint, String)>,
    /// What this process appends meanwhile.
    pub own: Wanted,
    pub sealer: &'a Sealer,
}

impl Sealing<'_> {
    /// Seals all that is there.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
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

/// A database that is silent for too long is as good as gone.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
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
pub(crate) fn gauge(name: &'static str, value: i64) {
    metrics::gauge!(name).set(value as f64);
}
