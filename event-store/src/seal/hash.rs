//! SHA-256, and how it is written.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash; as text, base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

/// Not 32 bytes in base64.
#[derive(Debug, thiserror::Error)]
#[error("a hash is 32 bytes in base64")]
pub struct NoHash;

impl Hash {
    pub(crate) const LENGTH: usize = 32;

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A leaf of the tree, from its data.
    pub(crate) fn of_leaf(data: &[u8]) -> Self {
        Self(
            Sha256::new_with_prefix([0])
                .chain_update(data)
                .finalize()
                .into(),
        )
    }

    /// The node above two others.
    pub(crate) fn above(left: Self, right: Self) -> Self {
        let hasher = Sha256::new_with_prefix([1]).chain_update(left.0);
        Self(hasher.chain_update(right.0).finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = NoHash;

    fn try_from(bytes: &[u8]) -> Result<Self, NoHash> {
        bytes.try_into().map(Self).map_err(|_| NoHash)
    }
}

impl FromStr for Hash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| NoHash)?;
        bytes.as_slice().try_into()
    }
}

impl TryFrom<String> for Hash {
    type Error = NoHash;

    fn try_from(text: String) -> Result<Self, NoHash> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}
