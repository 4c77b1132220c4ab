//! Where the tests' server lives: among the build's output, or, when we are root (whose home PostgreSQL's account can't
//! enter), in `/var/tmp`. Each user and each build has its own.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::unistd::{geteuid, getuid};

use crate::account::Account;

/// The folder of the lock, and the folder of the servers.
pub(super) struct Folders {
    pub(super) lock: PathBuf,
    pub(super) servers: PathBuf,
}

impl Folders {
    pub(super) fn of_this_build(account: &Account) -> Result<Self> {
        let uid = getuid();
        let target = target_dir();
        let in_target = target.join(format!("test-postgres-{uid}"));
        let mut hasher = DefaultHasher::new();
        target.hash(&mut hasher);
        let elsewhere = Path::new("/var/tmp").join(format!(
            "online-mart-tests-{uid}-{:08x}",
            hasher.finish() >> 32
        ));

        let lock = match make(&in_target, account) {
            Ok(()) => in_target,
            Err(_) => elsewhere.clone(), // a build of another user
        };
        let servers = if geteuid().is_root() {
            elsewhere
        } else {
            lock.clone()
        };
        make(&servers, account)?;
        Ok(Self { lock, servers })
    }
}

/// Makes a folder, or checks that the one that is there is ours: others may write to `/var/tmp`, too.
fn make(folder: &Path, account: &Account) -> Result<()> {
    let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
    if fs::DirBuilder::new().mode(mode).create(folder).is_ok() {
        account.own(folder)?;
    }
    let found =
        fs::symlink_metadata(folder).with_context(|| format!("can't make {}", folder.display()))?;
    ensure!(
        found.is_dir() && [account.uid(), geteuid().as_raw()].contains(&found.uid()),
        "{} belongs to someone else",
        folder.display()
    );
    Ok(())
}

/// Cargo marks its output directory; the test program lies somewhere in it.
fn target_dir() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(std::env::temp_dir, Path::to_owned)
}
