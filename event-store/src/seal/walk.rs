//! The way through the log: each event's leaf into the tree, and at each checkpoint a look at the root.
//!
//! Two trees grow: of the events as they are, and of the leaves as table `seal` has kept them. Where the first one's
//! root is not the signed one, but the second one's is, the kept leaves are the signed ones, and tell the events that
//! were changed; the first tree goes on as if they had not been.

use anyhow::{Context as _, Result};
use sqlx::PgConnection;

use super::finding::Finding;
use super::hash::Hash;
use super::leaf::Leaf;
use super::suspects::Suspects;
use super::tree::{Frontier, TILE};

pub(crate) struct Walk {
    /// Where a root was signed, and which, latest first.
    roots: Vec<(i64, Hash)>,
    /// The last position that is sealed.
    sealed: i64,
    /// The log's last position, as it says itself.
    head: i64,
    /// The last position that was looked at.
    position: i64,
    events: Frontier,
    kept: Frontier,
    /// A tile of kept leaves, and the position after which it begins.
    tile: (i64, Vec<u8>),
    /// The last position up to which a root was right.
    right: i64,
    /// The root was wrong for good.
    lost: bool,
    suspects: Suspects,
    findings: Vec<Finding>,
}

impl Walk {
    pub(crate) fn new(mut roots: Vec<(i64, Hash)>, head: i64) -> Self {
        roots.reverse();
        Self {
            sealed: roots.first().map_or(0, |(size, _)| *size),
            roots,
            head,
            position: 0,
            events: Frontier::default(),
            kept: Frontier::default(),
            tile: (-1, Vec::new()),
            right: 0,
            lost: false,
            suspects: Suspects::default(),
            findings: Vec::new(),
        }
    }

    /// The last position that was looked at.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// The next event in log order.
    pub(crate) async fn event(&mut self, leaf: &Leaf, database: &mut PgConnection) -> Result<()> {
        let at = leaf.position;
        if at <= self.position || at > self.sealed.max(self.head) {
            self.findings.push(Finding::Surplus { at });
            return Ok(());
        }
        if at > self.position + 1 {
            self.findings.push(Finding::Missing {
                from: self.position + 1,
                through: at - 1,
            });
            // Beyond what is sealed there is nothing to compare, however far a forged position jumps.
            while self.position + 1 < at.min(self.sealed + 1) {
                self.step(None, database).await?;
            }
            self.position = at - 1;
        }
        if at > self.head {
            self.findings.push(Finding::Surplus { at });
        }
        self.step(Some(leaf), database).await
    }

    /// What was found, once all events are told.
    pub(crate) async fn end(mut self, database: &mut PgConnection) -> Result<Vec<Finding>> {
        let (ends, ended) = (self.position, self.sealed.max(self.head));
        if ends < ended {
            self.findings.push(Finding::CutTail { ends, ended });
            // What was cut off is known by its leaves: with them, the events before are checked up to the end.
            while self.position < self.sealed {
                self.step(None, database).await?;
            }
        }
        let mut findings = self.suspects.findings();
        findings.extend(self.findings);
        Ok(findings)
    }

    /// The next position; `None`: its event is missing.
    async fn step(&mut self, leaf: Option<&Leaf>, database: &mut PgConnection) -> Result<()> {
        self.position += 1;
        if self.position > self.sealed || self.lost {
            return Ok(());
        }
        let kept = self.kept_leaf(database).await?;
        let actual = leaf.map(Leaf::hash);
        // A hole that nothing is known of makes the next root wrong, as it should be.
        let nothing = Hash::of(&[]);
        self.events.push(actual.or(kept).unwrap_or(nothing));
        self.kept.push(kept.or(actual).unwrap_or(nothing));
        if let (Some(leaf), Some(kept)) = (leaf, kept)
            && actual != Some(kept)
        {
            self.suspects.add(leaf, kept);
        }
        while let Some((_, root)) = self.roots.pop_if(|(size, _)| *size == self.position) {
            self.check(root);
        }
        Ok(())
    }

    fn check(&mut self, root: Hash) {
        if self.events.root() == root {
            // The events are right; if the kept leaves are not, that is what to tell.
            self.findings.extend(self.suspects.clear());
            self.kept.clone_from(&self.events);
        } else if self.kept.root() == root {
            self.suspects.confirm();
            self.events.clone_from(&self.kept);
        } else {
            self.suspects.clear();
            self.findings.push(Finding::Range {
                after: self.right,
                through: self.position,
            });
            self.lost = true;
        }
        self.right = self.position;
    }

    /// The leaf that table `seal` has kept of the position.
    async fn kept_leaf(&mut self, database: &mut PgConnection) -> Result<Option<Hash>> {
        let tile_size = TILE.cast_signed();
        let tile = (self.position - 1) / tile_size;
        if self.tile.0 != tile {
            let leaves: Option<Vec<u8>> =
                sqlx::query_scalar("select leaves from seal where tile = $1")
                    .bind(tile)
                    .fetch_optional(database)
                    .await
                    .context("cannot read table seal")?;
            self.tile = (tile, leaves.unwrap_or_default());
        }
        let place = usize::try_from((self.position - 1) % tile_size)?;
        let mut leaves = self.tile.1.chunks_exact(Hash::LENGTH);
        Ok(leaves.nth(place).and_then(|leaf| leaf.try_into().ok()))
    }
}
