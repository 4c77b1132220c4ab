//! The data directory: which one, what lies where in it, and the lock that keeps a second copy out.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User, geteuid};

use crate::account::Account;
use crate::error::Trying;
use crate::{Error, SYSTEM_DATA_DIR};

/// Root opens files in folders of other accounts: a link there must not lead it elsewhere.
pub(crate) const NO_LINK: i32 = nix::libc::O_NOFOLLOW;

/// The data directory to use: `dir` itself, or, when we are root and the account that runs PostgreSQL can't walk to it,
/// [`SYSTEM_DATA_DIR`]; when `dir` was set explicitly, that is an error instead. Makes nothing.
pub fn reachable_data_dir(dir: &Path, explicit: bool) -> Result<PathBuf, Error> {
    let absolute = absolute(dir)?;
    let account = Account::of(&cluster(&absolute))?;
    let Some(outside) = absolute.parent() else {
        return Ok(absolute);
    };
    match account.check_reach(outside) {
        Ok(()) => Ok(dir.to_owned()),
        Err(Error::Unreachable { .. }) if !explicit => Ok(SYSTEM_DATA_DIR.into()),
        Err(Error::Unreachable {
            barrier, account, ..
        }) => Err(Error::Unreachable {
            directory: absolute,
            barrier,
            account,
        }),
        Err(error) => Err(error),
    }
}

/// The real path, as far as it exists.
fn absolute(dir: &Path) -> Result<PathBuf, Error> {
    let whole = std::path::absolute(dir).trying("find", dir)?;
    let existing = whole.ancestors().find_map(|ancestor| {
        let real = ancestor.canonicalize().ok()?;
        Some(real.join(whole.strip_prefix(ancestor).ok()?))
    });
    Ok(existing.unwrap_or(whole))
}

/// Where the cluster lies.
pub(crate) fn cluster(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

/// A data directory that is ours while this lives.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Locked {
    /// Makes the directory when it is missing, and locks it.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        if !data_dir.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(if geteuid().is_root() { 0o711 } else { 0o700 })
                .create(data_dir)
                .trying("make", data_dir)?;
        }
        let path = data_dir.canonicalize().trying("find", data_dir)?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&file)
            .trying("open", &file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    pid: holder(&file),
                    directory: path,
                });
            }
            Err(TryLockError::Error(error)) => return Err(error).trying("lock", &file),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .trying("write", &file)?;
        Ok(Self { path, _lock: lock })
    }

    /// Lets the account walk in: the directory may have been made for secrets only. Root's home stays closed.
    pub(crate) fn open_for(&self, account: &Account) -> Result<(), Error> {
        if account.barrier(&self.path).as_deref() == Some(&self.path) && !is_roots_home(&self.path)
        {
            let metadata = fs::metadata(&self.path).trying("read", &self.path)?;
            let enterable = fs::Permissions::from_mode(metadata.permissions().mode() | 0o011);
            fs::set_permissions(&self.path, enterable).trying("open", &self.path)?;
        }
        account.check_reach(&self.path)
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        cluster(&self.path)
    }
}

fn is_roots_home(path: &Path) -> bool {
    let root = User::from_uid(Uid::from_raw(0)).ok().flatten();
    root.is_some_and(|root| root.dir == path)
}

/// Who holds the lock; it is written a moment after the lock is taken.
fn holder(file: &Path) -> String {
    let begin = Instant::now();
    loop {
        let pid = fs::read_to_string(file).unwrap_or_default();
        if !pid.is_empty() {
            return pid;
        }
        if begin.elapsed() > Duration::from_millis(200) {
            return "unknown".into();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
