//! A signed statement of how long the log was, and what was in it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hash::Hash;
use super::key::{PublicKey, Signature, SigningKey};

/// How long the log was at some moment, and the root of the tree over all its events; signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which log.
    pub log: Uuid,
    /// How many events it has, which is the position of the last one.
    pub size: i64,
    /// The root of the tree.
    pub root: Hash,
    /// When it was signed; never falls from one checkpoint to the next.
    pub at: DateTime<Utc>,
    /// SHA-256 of the checkpoint line before this one.
    pub previous: Option<Hash>,
    /// Who signed it.
    pub key: PublicKey,
    signature: Signature,
}

impl Checkpoint {
    /// The next one after `previous` and its line.
    pub(crate) fn sign(
        key: &SigningKey,
        log: Uuid,
        (size, root): (i64, Hash),
        previous: Option<&(Self, String)>,
    ) -> Self {
        let now = Utc::now();
        let mut checkpoint = Self {
            log,
            size,
            root,
            at: previous.map_or(now, |(previous, _)| previous.at.max(now)),
            previous: previous.map(|(_, line)| Hash::of(line.as_bytes())),
            key: key.public(),
            signature: key.sign(""),
        };
        checkpoint.signature = key.sign(&checkpoint.text());
        checkpoint
    }

    /// Whether the key that it names has signed it.
    pub(crate) fn is_signed(&self) -> bool {
        self.key.signed(&self.text(), &self.signature)
    }

    /// Whether it is the next one after that line; `None`: the first one.
    pub(crate) fn follows(&self, line: Option<&str>) -> bool {
        self.previous == line.map(|line| Hash::of(line.as_bytes()))
    }

    /// As it stands in the files and in the database.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data is always JSON")
    }

    /// What is signed.
    fn text(&self) -> String {
        let previous = self.previous.map_or("-".to_owned(), String::from);
        format!(
            "online-mart checkpoint 1\n{}\n{}\n{}\n{}\n{previous}\n{}\n",
            self.log,
            self.size,
            self.root,
            self.at.to_rfc3339_opts(SecondsFormat::Nanos, true),
            self.key,
        )
    }
}

#[cfg(test)]
mod tests;
