//! The tree as the database keeps it: tiles of leaves, and the latest checkpoint.

use anyhow::{Context as _, Result, ensure};
use sqlx::{FromRow, PgConnection};

use super::checkpoint::Checkpoint;
use super::hash::{Hash, NoHash};
use super::tree::{Frontier, TILE, TILE_BYTES, path};

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
        let mut growing = Self::default();
        for tile in tiles(connection, None).await? {
            if let Some(root) = tile.root()? {
                ensure!(growing.tail.is_empty(), "table seal has a tile too many");
                growing.frontier.push_tile(root);
                growing.size += TILE.cast_signed();
            } else {
                for leaf in tile.leaves()? {
                    growing.push(leaf, &mut Tiles::default());
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
        if self.tail.len() == TILE_BYTES {
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
pub(crate) async fn keep(connection: &mut PgConnection, tiles: &Tiles, line: &str) -> Result<()> {
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
    .context("cannot keep what was sealed")
    .map(|_| ())
}

/// A row of table `seal`.
#[derive(FromRow)]
struct Tile {
    number: i64,
    root: Option<Vec<u8>>,
    leaves: Option<Vec<u8>>,
}

impl Tile {
    fn root(&self) -> Result<Option<Hash>, NoHash> {
        self.root.as_deref().map(Hash::try_from).transpose()
    }

    fn leaves(&self) -> Result<Vec<Hash>, NoHash> {
        let leaves = self.leaves.as_deref().unwrap_or_default();
        leaves.chunks(Hash::LENGTH).map(Hash::try_from).collect()
    }
}

/// All of them, with the leaves of those that are not full, and of one more.
async fn tiles(connection: &mut PgConnection, with: Option<i64>) -> Result<Vec<Tile>> {
    let tiles: Vec<Tile> = sqlx::query_as(
        "select tile as number, root, case when root is null or tile = $1 then leaves end as leaves from seal order by tile",
    )
    .bind(with)
    .fetch_all(connection)
    .await
    .context("cannot read what is sealed")?;
    for (expected, tile) in (0..).zip(&tiles) {
        ensure!(tile.number == expected, "table seal lacks tile {expected}");
    }
    Ok(tiles)
}

/// The way from a leaf to the root of a tree of `size` leaves, which are all that there are.
pub(crate) async fn path_to(
    connection: &mut PgConnection,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>> {
    let tiles = tiles(connection, Some((index / TILE).cast_signed())).await?;
    let tiles = tiles
        .iter()
        .map(|tile| Ok((tile.root()?, tile.leaves()?)))
        .collect::<Result<Vec<_>, NoHash>>()?;
    let kept = |(root, leaves): &(Option<Hash>, Vec<Hash>)| match root {
        Some(_) => TILE,
        None => leaves.len() as u64,
    };
    ensure!(
        tiles.iter().map(kept).sum::<u64>() == size,
        "table seal does not hold what was signed"
    );
    let tile_of = |at| tiles.get(usize::try_from(at / TILE).ok()?);
    Ok(path(index, size, |start, end| {
        let mut part = Frontier::default();
        let mut at = start;
        while at < end {
            let next = end.min((at / TILE + 1) * TILE);
            match tile_of(at) {
                Some((Some(root), _)) if next - at == TILE => part.push_tile(*root),
                Some((_, leaves)) => (at..next)
                    .zip(leaves.iter().skip(within(at)))
                    .for_each(|(_, leaf)| part.push(*leaf)),
                None => {}
            }
            at = next;
        }
        part.root()
    }))
}

fn within(place: u64) -> usize {
    usize::try_from(place % TILE).expect("a tile is small")
}

fn root_of(leaves: &[u8]) -> Hash {
    let mut tile = Frontier::default();
    for leaf in leaves.chunks_exact(Hash::LENGTH) {
        tile.push(leaf.try_into().expect("as long as a hash"));
    }
    tile.root()
}
