//! Who runs PostgreSQL: ourselves, or, when we are root, an account that is not.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use crate::Error;
use crate::error::Trying;

/// Ourselves (`None`), or the account that stands in for root.
#[derive(Clone, Debug)]
pub(crate) struct Account(Option<StandIn>);

#[derive(Clone, Debug)]
struct StandIn {
    uid: u32,
    gid: u32,
    name: String,
}

impl Account {
    /// The account for a cluster: its owner, if it exists already.
    pub(crate) fn of(cluster: &Path) -> Result<Self, Error> {
        match fs::metadata(cluster) {
            Ok(found) if geteuid().is_root() && found.uid() != 0 => Ok(Self(Some(StandIn {
                uid: found.uid(),
                gid: found.gid(),
                name: name_of(found.uid()),
            }))),
            _ => Self::for_a_new_cluster(cluster.parent()),
        }
    }

    /// The account that makes a cluster in this folder: the folder's owner, else the usual one, else nobody. Without an
    /// entry in the system's list of users initdb does not run.
    pub(crate) fn for_a_new_cluster(folder: Option<&Path>) -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        let owner = folder
            .and_then(|folder| fs::metadata(folder).ok())
            .map(|found| Uid::from_raw(found.uid()))
            .filter(|owner| !owner.is_root());
        let user = owner
            .and_then(|owner| User::from_uid(owner).ok().flatten())
            .or_else(|| User::from_name("postgres").ok().flatten())
            .or_else(|| User::from_name("nobody").ok().flatten())
            .ok_or(Error::NoAccount)?;
        Ok(Self(Some(StandIn {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            name: user.name,
        })))
    }

    /// A command of this account, without our environment, working directory and input.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if let Some(StandIn { uid, gid, .. }) = &self.0 {
            command.uid(*uid).gid(*gid); // std drops the supplementary groups, too
        }
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Gives a file or folder to the account.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        match &self.0 {
            Some(StandIn { uid, gid, .. }) => {
                chown(path, Some(*uid), Some(*gid)).trying("give away", path)
            }
            None => Ok(()),
        }
    }

    /// The account's user id.
    pub(crate) fn uid(&self) -> u32 {
        self.0
            .as_ref()
            .map_or_else(|| geteuid().as_raw(), |stand_in| stand_in.uid)
    }

    /// The first folder on the way to `path` (itself included) that shuts the account out. What does not exist yet
    /// will be made enterable.
    pub(crate) fn barrier(&self, path: &Path) -> Option<PathBuf> {
        let stand_in = self.0.as_ref()?;
        let folders: Vec<&Path> = path.ancestors().collect();
        folders
            .into_iter()
            .rev()
            .find(|folder| {
                fs::metadata(folder).is_ok_and(|metadata| !stand_in.may_enter(&metadata))
            })
            .map(Path::to_owned)
    }

    /// An error when the account can't walk to `path`.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        match self.barrier(path) {
            Some(barrier) => Err(Error::Unreachable {
                directory: path.to_owned(),
                barrier,
                account: self.0.as_ref().map_or_else(String::new, |s| s.name.clone()),
            }),
            None => Ok(()),
        }
    }
}

fn name_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

impl StandIn {
    fn may_enter(&self, metadata: &fs::Metadata) -> bool {
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if metadata.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }
}
