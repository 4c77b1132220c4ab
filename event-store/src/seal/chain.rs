//! The signed checkpoints of the files, as far as they hold.

use std::path::Path;

use anyhow::Result;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::{files, lines};
use super::finding::{Finding, Line};
use super::hash::Hash;
use super::key::PublicKey;

/// What the files tell.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Lines of the files.
    pub lines: u64,
    /// Sizes of the log, rising, and the roots signed for them.
    pub roots: Vec<(i64, Hash)>,
    pub findings: Vec<Finding>,
}

/// Reads all checkpoints; only those that this key has signed for this log are believed.
pub(crate) fn read(directory: &Path, log: Uuid, key: &PublicKey) -> Result<Chain> {
    let mut chain = Chain::default();
    let mut before: Option<String> = None;
    for file in files(directory)? {
        let name = file.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        for (number, line) in (1..).zip(lines(&file)?) {
            let line = line?;
            // A crash cut it short; the sealer completes it.
            let Some(line) = line.strip_suffix('\n') else {
                continue;
            };
            chain.lines += 1;
            let at = |position| Line {
                file: name.clone(),
                number,
                position,
            };
            match serde_json::from_str::<Checkpoint>(line) {
                Ok(checkpoint) => {
                    let at = at(Some(checkpoint.size));
                    chain.take(&checkpoint, before.as_deref(), at, log, key);
                }
                Err(_) => chain.findings.push(Finding::NotACheckpoint(at(None))),
            }
            before = Some(line.to_owned());
        }
    }
    Ok(chain)
}

impl Chain {
    fn take(
        &mut self,
        checkpoint: &Checkpoint,
        before: Option<&str>,
        at: Line,
        log: Uuid,
        key: &PublicKey,
    ) {
        let after = self.roots.last().map_or(0, |(size, _)| *size);
        let finding = if checkpoint.key != *key {
            Finding::AnotherKey(at)
        } else if !checkpoint.is_signed() {
            Finding::BadSignature(at)
        } else if checkpoint.log != log {
            Finding::AnotherLog(at, checkpoint.log)
        } else {
            // Out of order or not, what it says was signed.
            if checkpoint.size > after {
                self.roots.push((checkpoint.size, checkpoint.root));
            }
            if checkpoint.follows(before) && checkpoint.size > after {
                return;
            }
            Finding::BrokenChain(at)
        };
        self.findings.push(finding);
    }

    /// The last position that is sealed.
    pub(crate) fn sealed(&self) -> i64 {
        self.roots.last().map_or(0, |(size, _)| *size)
    }
}
