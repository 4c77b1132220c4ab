//! The cluster: making it, and which version made it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::account::Account;
use crate::binaries::Binaries;
use crate::child::{Life, detach};
use crate::error::Trying;

/// How a cluster is made.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// Passwords, and every page on the disk before it counts.
    Durable {
        /// The superuser's password.
        password: &'a str,
    },
    /// For tests: anyone who reaches the socket is let in, nothing is waited for.
    #[cfg(feature = "testing")]
    Passing,
}

/// The major version that made the cluster; `None`: there is no cluster.
pub(crate) fn major(cluster: &Path) -> Result<Option<u32>, Error> {
    let file = cluster.join("PG_VERSION");
    let content = match fs::read_to_string(&file) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).trying("read", &file),
    };
    match content.trim().parse() {
        Ok(major) => Ok(Some(major)),
        Err(_) => Err(Error::UnreadableVersion { file, content }),
    }
}

/// Makes the cluster beside its place and then renames it: a kill in the middle never leaves half of one.
pub(crate) fn create(
    cluster: &Path,
    user: &str,
    kind: &Kind<'_>,
    binaries: &Binaries,
    account: &Account,
) -> Result<(), Error> {
    let unfinished = cluster.with_extension("new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).trying("clear", &unfinished)?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&unfinished)
        .trying("make", &unfinished)?;
    account.own(&unfinished)?;

    let mut initdb = account.command(binaries.folder.join("initdb"));
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", user, "-E", "UTF8", "--locale=C", "-k"]);
    let password_file = cluster.with_extension("password");
    match kind {
        Kind::Durable { password } => {
            write_password(&password_file, password, account)?;
            initdb
                .args(["-A", "scram-sha-256"])
                .arg("--pwfile")
                .arg(&password_file);
        }
        #[cfg(feature = "testing")]
        Kind::Passing => {
            initdb.args(["-A", "trust", "-N"]);
        }
    }
    // Left behind, it would go on writing into what the next start clears.
    detach(&mut initdb, Life::EndsWithUs);
    let output = initdb.output();
    let _ = fs::remove_file(&password_file);
    let output = output.trying("run", &binaries.folder.join("initdb"))?;
    if !output.status.success() {
        let _ = fs::remove_dir_all(&unfinished);
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Initdb(format!(
            "{}: {}",
            output.status,
            complaint.trim()
        )));
    }
    fs::rename(&unfinished, cluster).trying("rename", &unfinished)?;
    if let Some(parent) = cluster.parent() {
        File::open(parent)
            .and_then(|folder| folder.sync_all())
            .trying("sync", parent)?;
    }
    Ok(())
}

fn write_password(file: &Path, password: &str, account: &Account) -> Result<(), Error> {
    let _ = fs::remove_file(file);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut open| writeln!(open, "{password}"))
        .trying("write", file)?;
    account.own(file)
}

/// What the running server wrote about itself.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) socket_dir: PathBuf,
    /// Whether it takes connections (`pg_ctl --wait` looks there, too).
    pub(crate) ready: bool,
}

/// Reads `postmaster.pid`: pid, directory, start, port, socket's folder, address, shared memory, state.
pub(crate) fn postmaster(cluster: &Path) -> Option<Postmaster> {
    let content = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let lines: Vec<&str> = content.lines().map(str::trim).collect();
    Some(Postmaster {
        pid: lines.first()?.parse().ok()?,
        port: lines.get(3)?.parse().ok()?,
        socket_dir: lines.get(4)?.into(),
        ready: lines.get(7) == Some(&"ready"),
    })
}
