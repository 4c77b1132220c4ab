//! The proof that one event is in the log that a signed checkpoint tells of; checked without the database.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use ct_merkle::{InclusionProof, RootHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use sqlx::{Connection as _, Executor as _, Row as _};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::key::PublicKey;
use super::leaf::{Leaf, leaf_columns};
use super::tables;
use crate::Log;

/// Fields of payloads that never leave the store, however deep they are.
pub const SECRET_FIELDS: [&str; 2] = ["password_hash", "secret_digest"];

/// One event, as the log holds it, and why it is certain that it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Place in the log.
    pub position: i64,
    /// UUIDv7.
    pub event_id: Uuid,
    /// What it is about.
    pub aggregate_type: String,
    /// The public id.
    pub aggregate_id: String,
    /// Place in its aggregate's stream.
    pub sequence: i64,
    /// What happened.
    pub event_type: String,
    /// The version of the payload's shape.
    pub event_version: String,
    /// The database's time.
    pub recorded_at: DateTime<Utc>,
    /// The very text that is stored.
    pub metadata: String,
    /// The very text that is stored, unless it holds a secret.
    pub payload: Option<String>,
    /// SHA-256 of the stored payload.
    pub payload_sha256: Hash,
    /// The leaf's place in the tree, which is the position less one.
    pub index: i64,
    /// What lies beside the way from the leaf to the root, from below.
    pub path: Vec<Hash>,
    /// Whose root the way leads to.
    pub checkpoint: Checkpoint,
}

/// What there is to say of a position.
#[derive(Clone, Debug)]
pub enum Proven {
    /// The log has no event there.
    NoSuchEvent,
    /// The event will be sealed within about a second.
    NotSealedYet,
    /// The proof.
    Sealed(Box<Proof>),
}

/// Why a proof is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// Its payload was changed.
    #[error("the payload is not the one that payload_sha256 tells of")]
    Payload,
    /// Its event or its path was changed.
    #[error("the path does not lead from this event to the checkpoint's root")]
    Path,
    /// Its checkpoint was changed.
    #[error("the checkpoint's signature is not by the key that it names")]
    Signature,
    /// Its checkpoint is signed by somebody else.
    #[error("the checkpoint is signed by another key")]
    AnotherKey,
}

impl Proof {
    /// Checks all that it says; against the shop's public key, if that is known, else only that it agrees with itself.
    pub fn check(&self, key: Option<&PublicKey>) -> Result<(), Forged> {
        let payload = self.payload.as_ref();
        if payload.is_some_and(|payload| Hash::of(payload.as_bytes()) != self.payload_sha256) {
            return Err(Forged::Payload);
        }
        if !self.leads_to_the_root() {
            return Err(Forged::Path);
        }
        if key.is_some_and(|key| *key != self.checkpoint.key) {
            return Err(Forged::AnotherKey);
        }
        if !self.checkpoint.is_signed() {
            return Err(Forged::Signature);
        }
        Ok(())
    }

    fn leads_to_the_root(&self) -> bool {
        let (Ok(index), Ok(size)) = (
            u64::try_from(self.index),
            u64::try_from(self.checkpoint.size),
        ) else {
            return false;
        };
        // The database's times have no nanoseconds, so neither has the leaf.
        let nanos = self.recorded_at.timestamp_subsec_nanos();
        let sealed_whole = nanos.is_multiple_of(1_000);
        if self.index.checked_add(1) != Some(self.position) || !sealed_whole {
            return false;
        }
        let root = RootHash::<Sha256>::new((*self.checkpoint.root.bytes()).into(), size);
        let path = self.path.iter().flat_map(|hash| *hash.bytes()).collect();
        root.verify_inclusion(
            &self.leaf().data(),
            index,
            &InclusionProof::from_bytes(path),
        )
        .is_ok()
    }

    fn leaf(&self) -> Leaf {
        Leaf {
            position: self.position,
            event_id: self.event_id,
            aggregate_type: self.aggregate_type.clone(),
            aggregate_id: self.aggregate_id.clone(),
            sequence: self.sequence,
            event_type: self.event_type.clone(),
            event_version: self.event_version.clone(),
            recorded_at: self.recorded_at.timestamp_micros(),
            metadata: Hash::of(self.metadata.as_bytes()),
            payload: self.payload_sha256,
        }
    }
}

/// The proof of the event at a position, against the latest checkpoint. Where an event is not the one that was sealed,
/// or the tree is not the one that was signed, there is none: an error says so.
pub async fn proof(log: &Log, position: i64) -> Result<Proven> {
    let mut connection = log.pool().acquire().await?;
    let mut snapshot = connection.begin().await?;
    snapshot
        .execute("set transaction isolation level repeatable read, read only")
        .await?;
    let row = sqlx::query(concat!(
        "select ",
        leaf_columns!(),
        " from events where position = $1"
    ))
    .bind(position)
    .fetch_optional(&mut *snapshot)
    .await
    .context("cannot read the log")?;
    let Some(row) = row else {
        return Ok(Proven::NoSuchEvent);
    };
    let checkpoint = match tables::latest(&mut snapshot).await? {
        Some((checkpoint, _)) if checkpoint.size >= position => checkpoint,
        _ => return Ok(Proven::NotSealedYet),
    };
    let leaf = Leaf::read(&row)?;
    let (index, size) = (
        u64::try_from(position - 1)?,
        u64::try_from(checkpoint.size)?,
    );
    let payload: String = row.try_get("payload")?;
    let proof = Proof {
        position,
        event_id: leaf.event_id,
        aggregate_type: leaf.aggregate_type,
        aggregate_id: leaf.aggregate_id,
        sequence: leaf.sequence,
        event_type: leaf.event_type,
        event_version: leaf.event_version,
        recorded_at: DateTime::from_timestamp_micros(leaf.recorded_at)
            .with_context(|| format!("the event at position {position} has no time"))?,
        metadata: row.try_get("metadata")?,
        payload: (!holds_a_secret(&payload)).then_some(payload),
        payload_sha256: leaf.payload,
        index: position - 1,
        path: tables::path_to(&mut snapshot, index, size).await?,
        checkpoint,
    };
    proof
        .check(None)
        .with_context(|| format!("the event at position {position} can't be proven"))?;
    Ok(Proven::Sealed(Box::new(proof)))
}

/// What can't be read may hold one.
fn holds_a_secret(payload: &str) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| SECRET_FIELDS.contains(&name.as_str()) || within(value)),
            Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    serde_json::from_str(payload).map_or(true, |payload| within(&payload))
}
