//! The tree as the database keeps it: tiles of leaves, and the latest checkpoint.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use sqlx::PgConnection;

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::tree::{Frontier, TILE, path};

/// The latest checkpoint and its line.
pub(crate) async fn latest(connection: &mut PgConnection) -> Result<Option<(Checkpoint, String)>> {
    let line: Option<String> = sqlx::query_scalar("select line from seal_checkpoint")
        .fetch_optional(connection)
        .await
        .context("cannot read the latest checkpoint")?;
    line.map(|line| {
        let checkpoint = serde_json::from_str(&line)
            .context("what table seal_checkpoint holds is no checkpoint")?;
        Ok((checkpoint, line))
    })
    .transpose()
}

/// The end of the tree, to which leaves are appended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growing {
    pub size: i64,
    frontier: Frontier,
    /// The leaves of the tile that is not full.
    tail: Vec<u8>,
}

/// Rows of table `seal`.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    numbers: Vec<i64>,
    leaves: Vec<Vec<u8>>,
    roots: Vec<Option<Vec<u8>>>,
}

impl Growing {
    /// As the tables tell it.
    pub(crate) async fn read(connection: &mut PgConnection) -> Result<Self> {
        let rows: Vec<(i64, Option<Vec<u8>>, Option<Vec<u8>>)> = sqlx::query_as(
            "select tile, root, case when root is null then leaves end from seal order by tile",
        )
        .fetch_all(connection)
        .await
        .context("cannot read what is sealed")?;
        let mut growing = Self::default();
        for (expected, (tile, root, leaves)) in (0..).zip(rows) {
            ensure!(
                tile == expected && growing.tail.is_empty(),
                "table seal lacks tile {expected}"
            );
            if let Some(root) = root {
                growing.frontier.push_tile(root.as_slice().try_into()?);
                growing.size += TILE.cast_signed();
            } else {
                for leaf in leaves.unwrap_or_default().chunks(Hash::LENGTH) {
                    growing.push(leaf.try_into()?, &mut Tiles::default());
                }
            }
        }
        Ok(growing)
    }

    /// Appends a leaf; tiles that are full by then are put into `full`.
    pub(crate) fn push(&mut self, leaf: Hash, full: &mut Tiles) {
        self.frontier.push(leaf);
        self.tail.extend(leaf.bytes());
        self.size += 1;
        if self.tail.len() == TILE as usize * Hash::LENGTH {
            let root = root_of(&self.tail);
            let leaves = std::mem::take(&mut self.tail);
            full.push(self.size / TILE.cast_signed() - 1, leaves, Some(root));
        }
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds the tile that is not full yet.
    pub(crate) fn finish(&self, tiles: &mut Tiles) {
        if !self.tail.is_empty() {
            tiles.push(self.size / TILE.cast_signed(), self.tail.clone(), None);
        }
    }
}

impl Tiles {
    fn push(&mut self, number: i64, leaves: Vec<u8>, root: Option<Hash>) {
        self.numbers.push(number);
        self.leaves.push(leaves);
        self.roots.push(root.map(|root| root.bytes().to_vec()));
    }
}

/// Keeps tiles and checkpoint, both or neither.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    tiles: &Tiles,
    line: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "with tiles as (
            insert into seal (tile, leaves, root)
            select * from unnest($1::bigint[], $2::bytea[], $3::bytea[])
            on conflict (tile) do update set leaves = excluded.leaves, root = excluded.root
        )
        insert into seal_checkpoint (line) values ($4) on conflict (one) do update set line = excluded.line",
    )
    .bind(&tiles.numbers)
    .bind(&tiles.leaves)
    .bind(&tiles.roots)
    .bind(line)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The way from a leaf to the root of a tree of `size` leaves, which are all that there are.
pub(crate) async fn path_to(
    connection: &mut PgConnection,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>> {
    let rows: Vec<(i64, Option<Vec<u8>>, Option<Vec<u8>>)> = sqlx::query_as(
        "select tile, root, case when tile = $1 or root is null then leaves end from seal order by tile",
    )
    .bind((index / TILE).cast_signed())
    .fetch_all(connection)
    .await
    .context("cannot read what is sealed")?;
    let mut roots = Vec::with_capacity(rows.len());
    let mut leaves = HashMap::new();
    for (expected, (tile, root, own)) in (0u64..).zip(rows) {
        ensure!(
            tile.cast_unsigned() == expected,
            "table seal lacks tile {expected}"
        );
        roots.push(root.map(|root| root.as_slice().try_into()).transpose()?);
        if let Some(own) = own {
            leaves.insert(expected, own);
        }
    }
    let kept: usize = leaves.get(&(size / TILE)).map_or(0, Vec::len) / Hash::LENGTH;
    ensure!(
        (size / TILE) as usize <= roots.len() && kept as u64 >= size % TILE,
        "table seal holds less than what was sealed"
    );
    Ok(path(index, size, |start, end| {
        let mut part = Frontier::default();
        let mut at = start;
        while at < end {
            let tile = at / TILE;
            let next = end.min((tile + 1) * TILE);
            match roots[tile as usize] {
                Some(root) if next - at == TILE => part.push_tile(root),
                _ => {
                    let from = (at % TILE) as usize * Hash::LENGTH;
                    let to = from + (next - at) as usize * Hash::LENGTH;
                    push_all(&mut part, &leaves[&tile][from..to]);
                }
            }
            at = next;
        }
        part.root()
    }))
}

fn root_of(leaves: &[u8]) -> Hash {
    let mut tile = Frontier::default();
    push_all(&mut tile, leaves);
    tile.root()
}

fn push_all(tree: &mut Frontier, leaves: &[u8]) {
    for leaf in leaves.chunks_exact(Hash::LENGTH) {
        tree.push(leaf.try_into().expect("as long as a hash"));
    }
}
