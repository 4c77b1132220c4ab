use sha2::{Digest as _, Sha256};
use uuid::uuid;

use super::Leaf;
use crate::seal::hash::Hash;

fn leaf() -> Leaf {
    Leaf {
        position: 7,
        event_id: uuid!("0198c0de-0000-7000-8000-000000000004"),
        aggregate_type: "order".to_owned(),
        aggregate_id: "0198c0de-0000-7000-8000-000000000003".to_owned(),
        sequence: 1,
        event_type: "placed".to_owned(),
        event_version: "1".to_owned(),
        recorded_at: 1_764_000_000_123_456,
        metadata: Hash::of(b"{}"),
        payload: Hash::of(b"{\"placed\":{}}"),
    }
}

/// What was sealed once must be the same leaf for ever: written here byte by byte, as any other program would.
#[test]
fn a_leaf_is_made_of_these_bytes() {
    let mut bytes = vec![0, 1];
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 7]);
    bytes.extend([
        0x01, 0x98, 0xc0, 0xde, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 4,
    ]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 5]);
    bytes.extend(b"order");
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 36]);
    bytes.extend(b"0198c0de-0000-7000-8000-000000000003");
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 6]);
    bytes.extend(b"placed");
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend(b"1");
    bytes.extend(1_764_000_000_123_456_u64.to_be_bytes());
    bytes.extend(Sha256::digest(b"{}"));
    bytes.extend(Sha256::digest(b"{\"placed\":{}}"));
    assert_eq!(
        leaf().hash().bytes().as_slice(),
        Sha256::digest(bytes).as_slice()
    );
}

#[test]
fn no_two_events_make_one_leaf() {
    let told_apart = Leaf {
        aggregate_type: "order0".to_owned(),
        aggregate_id: "198c0de-0000-7000-8000-000000000003".to_owned(),
        ..leaf()
    };
    assert_ne!(told_apart.hash(), leaf().hash());
}
