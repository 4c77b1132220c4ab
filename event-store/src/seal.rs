//! Proof that the log was not changed: a Merkle tree (RFC 9162, SHA-256) over all events in log order, whose root is
//! signed again and again and written down outside the database.
//!
//! Leaf `i` is the event at position `i + 1`: its columns, and the hashes of its two texts, so that a proof needs no
//! secret field. Table `seal` keeps the leaves; of the tree itself, a sealer has only the edge in memory, which it finds
//! from the roots of whole tiles when it starts. Crate `ct-merkle` checks proofs; its own tree does not fit, because it
//! keeps all leaves in memory and can't be taken up again where it ended.
//!
//! Who can change the database can change table `seal` as well, but can't sign: [`verify`] believes the checkpoint files
//! and the key alone. Who has the key, too, can forge all but what was copied elsewhere before.

mod chain;
mod checkpoint;
mod files;
mod finding;
mod hash;
mod key;
mod leaf;
mod own;
mod proof;
mod refusal;
mod round;
mod sealer;
mod start;
mod suspects;
mod tables;
mod tree;
mod verify;
mod walk;

pub use checkpoint::Checkpoint;
pub use finding::{Finding, Line};
pub use hash::{Hash, NoHash};
pub use key::{NoKey, PublicKey, SigningKey};
pub(crate) use own::Own;
pub use proof::{Forged, Proof, Proven, SECRET_FIELDS, proof};
pub use sealer::Sealer;
pub use verify::{Report, verify};

/// How a sealer fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealState {
    /// The last position that is sealed.
    pub sealed: i64,
    /// What keeps the rest from being sealed.
    pub trouble: Option<String>,
}
