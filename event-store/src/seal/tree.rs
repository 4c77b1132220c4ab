//! The Merkle tree of RFC 9162 over a growing list, of which only what is needed is in memory.

use super::hash::Hash;

/// Leaves in a tile, which is a whole subtree.
pub(crate) const TILE: u64 = 1 << TILE_LEVEL;
/// As many bytes.
pub(crate) const TILE_BYTES: usize = Hash::LENGTH << TILE_LEVEL;
/// How high that subtree is.
const TILE_LEVEL: usize = 8;

/// The tree's edge: the roots of the whole subtrees that it consists of, at most one of each height.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontier(Vec<Option<Hash>>);

impl Frontier {
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.push_at(0, leaf);
    }

    /// Appends as many leaves as a tile has, by their root; the tree so far consists of whole tiles.
    pub(crate) fn push_tile(&mut self, root: Hash) {
        self.push_at(TILE_LEVEL, root);
    }

    fn push_at(&mut self, mut level: usize, mut node: Hash) {
        if self.0.len() <= level {
            self.0.resize(level + 1, None);
        }
        while let Some(left) = self.0[level].take() {
            node = Hash::above(left, node);
            level += 1;
            if self.0.len() == level {
                self.0.push(None);
            }
        }
        self.0[level] = Some(node);
    }

    /// The root of the tree; of an empty one, the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        let nodes = self.0.iter().flatten().copied();
        nodes
            .reduce(|right, left| Hash::above(left, right))
            .unwrap_or_else(|| Hash::of(&[]))
    }
}

/// What lies beside the way from a leaf to the root, from below; `root_of` tells the root of the leaves from its first
/// argument to just before its second.
pub(crate) fn path(index: u64, size: u64, root_of: impl Fn(u64, u64) -> Hash) -> Vec<Hash> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let left = (end - start).next_power_of_two() / 2;
        let middle = start + left;
        if index < middle {
            path.push(root_of(middle, end));
            end = middle;
        } else {
            path.push(root_of(start, middle));
            start = middle;
        }
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests;
