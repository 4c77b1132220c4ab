//! `mart audit`: the trail as a file, what changed between two moments, and the proof that nobody changed the log.

mod diff;
mod export;
mod proof;

use std::{path::Path, process::ExitCode, str::FromStr};

use anyhow::Context;
use clap::Subcommand;
use event_store::seal::PublicKey;
use service::Settings;
use tokio_util::sync::CancellationToken;

/// What about the trail.
#[derive(Debug, Clone, Subcommand)]
pub enum Audit {
    /// Write the events, as `GET /audit` shows them
    Export(export::Export),
    /// Check that no event was changed, taken out, put in or cut off since it was sealed
    Verify(proof::Verify),
    /// Check one event's proof, as `GET /audit/{position}/proof` answers it; needs no database
    CheckProof(proof::CheckProof),
    /// Tell what differs between two moments of one thing
    Diff(diff::Diff),
}

/// Does it.
pub async fn run(
    settings: &Settings,
    what: &Audit,
    signalled: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    match what {
        Audit::Export(what) => export::run(settings, what, signalled).await,
        Audit::Verify(what) => proof::verify(settings, what, signalled).await,
        Audit::CheckProof(what) => proof::check(what),
        Audit::Diff(what) => diff::run(settings, what).await,
    }
}

/// A public key, or the file that holds one.
fn public_key(text: &str) -> anyhow::Result<PublicKey> {
    if let Ok(key) = PublicKey::from_str(text) {
        return Ok(key);
    }
    key_in(Path::new(text))
}

fn key_in(file: &Path) -> anyhow::Result<PublicKey> {
    let held = std::fs::read_to_string(file)
        .with_context(|| format!("can't read a public key from {}", file.display()))?;
    PublicKey::from_str(held.trim())
        .with_context(|| format!("{} holds no public key", file.display()))
}
