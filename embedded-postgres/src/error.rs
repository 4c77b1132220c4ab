use std::io;
use std::path::{Path, PathBuf};

/// Why the server could not be found, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process runs a server on this directory.
    #[error(
        "the data directory {} is in use by another copy of this program (pid {pid}): stop it, or give this one a directory of its own",
        directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds the lock.
        pid: String,
    },
    /// The cluster was made by a major version that is not at hand.
    #[error(
        "the database in {} was made by PostgreSQL {needs}, and that version is not here (found: {found}): install PostgreSQL {needs} or name the folder of its programs",
        directory.display()
    )]
    WrongMajor {
        /// The cluster's directory.
        directory: PathBuf,
        /// The major version in its `PG_VERSION`.
        needs: u32,
        /// What this machine has instead.
        found: String,
    },
    /// The cluster's `PG_VERSION` is no version.
    #[error("{} is damaged: {content:?} is no version of PostgreSQL", file.display())]
    UnreadableVersion {
        /// The file.
        file: PathBuf,
        /// What it holds.
        content: String,
    },
    /// The folder that was named holds no usable server.
    #[error("no PostgreSQL {} or newer in {}: {reason}", crate::MINIMUM_MAJOR, directory.display())]
    NotBinaries {
        /// The folder.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing installed, and the download failed.
    #[error(
        "no PostgreSQL on this machine, and it could not be downloaded ({reason}): install PostgreSQL {} or newer, or name the folder of its programs, or use a server elsewhere",
        crate::MINIMUM_MAJOR
    )]
    NoBinaries {
        /// Why the download failed.
        reason: String,
    },
    /// We are root, and the account that runs PostgreSQL can't walk to the directory.
    #[error(
        "{} can't be entered by the account {account}, which runs PostgreSQL because root may not: choose a directory outside {}, for example {}",
        directory.display(), barrier.display(), crate::SYSTEM_DATA_DIR
    )]
    Unreachable {
        /// The directory that was asked for.
        directory: PathBuf,
        /// The first folder on the way that shuts the account out.
        barrier: PathBuf,
        /// The account's name.
        account: String,
    },
    /// We are root, and there is nobody else.
    #[error(
        "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it as"
    )]
    NoAccount,
    /// `initdb` failed.
    #[error("initdb could not make a database: {0}")]
    Initdb(String),
    /// A server of an earlier run does not end.
    #[error("a PostgreSQL of an earlier run (pid {pids}) still uses {} and does not stop", directory.display())]
    Orphan {
        /// The cluster's directory.
        directory: PathBuf,
        /// Its processes.
        pids: String,
    },
    /// The server ended, or was not ready in time.
    #[error("PostgreSQL did not start: {0}")]
    NotStarted(String),
    /// The server crashed, or did not stop in time and was ended by force.
    #[error("PostgreSQL did not end cleanly; nothing is lost, the next start recovers")]
    NotStopped,
    /// A file or folder could not be used.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server answered with an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Adds to an I/O error what was tried with which path.
pub(crate) trait Trying<T> {
    fn trying(self, what: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Trying<T> for io::Result<T> {
    fn trying(self, what: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            what,
            path: path.to_owned(),
            source,
        })
    }
}
