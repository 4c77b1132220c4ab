//! Where the tests' server lives: in memory where there is room, else among the build's output, or, when we are root
//! (whose home PostgreSQL's account can't enter), in `/var/tmp`. Each user and each build has its own.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::sys::statvfs::statvfs;
use nix::unistd::{geteuid, getuid};

use crate::account::Account;

const MEMORY: &str = "/dev/shm";
/// A server takes 200 to 500 MB; a container's `/dev/shm` is often too small.
const ROOM: u64 = 2 << 30;

/// The folders of the lock, of the servers, and of the programs in case they are downloaded.
pub(super) struct Folders {
    pub(super) lock: PathBuf,
    pub(super) servers: PathBuf,
    pub(super) programs: PathBuf,
}

impl Folders {
    pub(super) fn of_this_build(account: &Account) -> Self {
        let uid = getuid();
        let target = target_dir();
        let mut hasher = DefaultHasher::new();
        target.hash(&mut hasher);
        let name = format!("online-mart-tests-{uid}-{:08x}", hasher.finish() >> 32);
        let elsewhere = Path::new("/var/tmp").join(&name);

        let in_target = target.join(format!("test-postgres-{uid}"));
        let lock = match make(&in_target, account) {
            Ok(()) => in_target,
            Err(_) => elsewhere.clone(), // a build of another user
        };
        let programs = if geteuid().is_root() {
            elsewhere
        } else {
            lock.clone()
        };
        let servers = if has_room(Path::new(MEMORY)) {
            Path::new(MEMORY).join(&name)
        } else {
            programs.clone()
        };
        Self {
            lock,
            servers,
            programs,
        }
    }
}

/// A database of 300 small files is copied five times as fast in memory.
fn has_room(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|found| found.blocks_available() * found.fragment_size() >= ROOM)
}

/// Makes a folder, or checks that the one that is there is ours: others may write to `/var/tmp`, too.
pub(super) fn make(folder: &Path, account: &Account) -> Result<()> {
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
