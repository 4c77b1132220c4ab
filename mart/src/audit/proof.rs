//! The proof that the log is what it was.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use event_store::{
    Log,
    seal::{self, Proof, PublicKey},
};
use service::Settings;
use tokio_util::sync::CancellationToken;

use super::{key_in, public_key};
use crate::{bar, databases::audit_dir, errand, say};

/// Against which key.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// The shop's public key, or a file with it, kept elsewhere than the shop [default: `signing.pub` in the audit folder]
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub key: Option<PublicKey>,
}

/// Which proof, and against which key.
#[derive(Debug, Clone, Args)]
pub struct CheckProof {
    /// The proof, as the shop answered it; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The shop's public key, or a file with it; without one only whether the proof agrees with itself
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub key: Option<PublicKey>,
}

/// Says what is wrong, a line each; the exit code is 1 where something is.
pub(super) async fn verify(
    settings: &Settings,
    what: &Verify,
    signalled: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let folder = audit_dir(settings)?;
    let key = match &what.key {
        Some(key) => *key,
        None => key_in(&folder.join("signing.pub"))?,
    };
    errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        let bar = bar::events("audit trail");
        let checking = seal::verify(&log, &folder, &key, |at, head| bar::show(&bar, at, head));
        let report = tokio::select! {
            report = checking => report,
            () = signalled.cancelled() => Err(anyhow::anyhow!("cut short")),
        };
        bar.finish_and_clear();
        let report = report?;
        for finding in &report.findings {
            say(&finding.to_string());
        }
        if !report.findings.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
        say(&format!(
            "all is well: {} of {} events are sealed, by {} checkpoints of key {key}",
            report.sealed, report.head, report.checkpoints
        ));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Says whether the proof holds; the exit code is 1 where it does not.
pub(super) fn check(what: &CheckProof) -> anyhow::Result<ExitCode> {
    let text = read(&what.file).with_context(|| format!("can't read {}", what.file.display()))?;
    let proof: Proof = serde_json::from_str(&text)
        .with_context(|| format!("{} holds no proof", what.file.display()))?;
    if let Err(forged) = proof.check(what.key.as_ref()) {
        say(&format!(
            "the proof of position {} does not hold: {forged}",
            proof.position
        ));
        return Ok(ExitCode::FAILURE);
    }
    say(&format!(
        "the proof holds: event {} ({} {}, {}) stands at position {} of the log {}, signed at {} by key {}",
        proof.event_id,
        proof.aggregate_type,
        proof.aggregate_id,
        proof.event_type,
        proof.position,
        proof.checkpoint.log,
        proof.checkpoint.at.to_rfc3339(),
        proof.checkpoint.key,
    ));
    if what.key.is_none() {
        say("whose key that is, was not checked: give --key");
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}
