use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;

use super::{Frontier, TILE, path};
use crate::seal::hash::Hash;

fn data(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn root_of(start: u64, end: u64) -> Hash {
    let mut tree = Frontier::default();
    (start..end).for_each(|n| tree.push(Hash::of_leaf(&data(n))));
    tree.root()
}

#[test]
fn roots_and_paths_are_those_of_another_implementation() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=70 {
        theirs.push(data(size - 1));
        assert_eq!(
            root_of(0, size).bytes().as_slice(),
            theirs.root().as_bytes().as_slice()
        );
        for index in 0..size {
            let ours: Vec<u8> = path(index, size, root_of)
                .iter()
                .flat_map(|hash| *hash.bytes())
                .collect();
            let place = usize::try_from(index).unwrap();
            assert_eq!(ours, theirs.prove_inclusion(place).as_bytes());
        }
    }
}

#[test]
fn a_tree_grows_by_tiles_as_by_leaves() {
    let mut by_tiles = Frontier::default();
    for tile in 0..5 {
        by_tiles.push_tile(root_of(tile * TILE, (tile + 1) * TILE));
    }
    by_tiles.push(Hash::of_leaf(&data(5 * TILE)));
    assert_eq!(by_tiles.root(), root_of(0, 5 * TILE + 1));
}

#[test]
fn the_root_of_nothing_is_the_hash_of_nothing() {
    assert_eq!(
        Frontier::default().root().to_string(),
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
}
