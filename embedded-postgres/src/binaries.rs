//! Finding the server's programs.

mod download;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::{Error, MINIMUM_MAJOR, Settings};

/// Folders that hold one folder per installed version: parent, how the child's name begins, where the programs are in it.
const INSTALLED: [(&str, &str, &str); 11] = [
    ("/usr/lib/postgresql", "", "bin"), // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),          // Red Hat
    ("/usr/libexec", "postgresql", ""), // Alpine
    ("/usr/lib", "postgresql", "bin"),  // SUSE, Gentoo
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
    ("/opt/local/lib", "postgresql", "bin"), // MacPorts
    ("/usr/local", "pgsql", "bin"),
];

/// The programs of one version.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) folder: PathBuf,
    pub(crate) major: u32,
    pub(crate) version: String,
}

impl Binaries {
    /// The programs for a cluster of this major version, or for a new cluster.
    pub(crate) fn find(
        settings: &Settings,
        account: &Account,
        cluster: Option<Cluster<'_>>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        if let Some(folder) = &settings.binaries {
            let named = Self::in_folder(folder, account)?;
            return match cluster {
                Some(cluster) if cluster.major != named.major => Err(cluster.wrong_major(&[named])),
                _ => Ok(named),
            };
        }
        let downloads = settings.data_dir.join("binaries");
        let mut folders = download::kept(&downloads);
        if settings.use_installed {
            folders.extend(installed());
        }
        let found: Vec<Self> = folders
            .iter()
            .filter_map(|folder| Self::in_folder(folder, account).ok())
            .collect();
        let fits =
            |candidate: &&Self| cluster.is_none_or(|cluster| cluster.major == candidate.major);
        if let Some(newest) = found
            .iter()
            .filter(fits)
            .max_by_key(|candidate| candidate.major)
        {
            return Ok(newest.clone());
        }
        match cluster {
            Some(cluster) if cluster.major != download::MAJOR => Err(cluster.wrong_major(&found)),
            _ => Self::in_folder(&download::fetch(&downloads, say)?, account),
        }
    }

    /// Asks the server in this folder for its version, as the account that is to run it.
    fn in_folder(folder: &Path, account: &Account) -> Result<Self, Error> {
        let unusable = |reason: &str| Error::NotBinaries {
            directory: folder.to_owned(),
            reason: reason.to_owned(),
        };
        // /usr/local/bin/postgres may be a link to where its siblings are
        let postgres = folder
            .join("postgres")
            .canonicalize()
            .map_err(|error| unusable(&format!("postgres: {error}")))?;
        let folder = postgres.parent().unwrap_or(folder);
        account.check_reach(folder)?;
        if !folder.join("initdb").is_file() {
            return Err(unusable("initdb is missing"));
        }
        let output = account
            .command(&postgres)
            .arg("-V")
            .output()
            .map_err(|error| unusable(&format!("postgres does not run: {error}")))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = version_in(&said).ok_or_else(|| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            unusable(&format!(
                "postgres -V says {:?}",
                [said.trim(), complaint.trim()].concat()
            ))
        })?;
        let major = major_of(version).ok_or_else(|| unusable("its version has no number"))?;
        if major < MINIMUM_MAJOR {
            return Err(unusable(&format!("it is version {version}")));
        }
        Ok(Self {
            folder: folder.to_owned(),
            major,
            version: version.to_owned(),
        })
    }
}

/// An existing cluster, which decides the major version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cluster<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) major: u32,
}

impl Cluster<'_> {
    fn wrong_major(&self, found: &[Binaries]) -> Error {
        let found: Vec<String> = found
            .iter()
            .map(|binaries| format!("{} in {}", binaries.version, binaries.folder.display()))
            .collect();
        Error::WrongMajor {
            directory: self.directory.to_owned(),
            needs: self.major,
            found: if found.is_empty() {
                "none".into()
            } else {
                found.join(", ")
            },
        }
    }
}

/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` → `15.13`.
fn version_in(said: &str) -> Option<&str> {
    said.strip_prefix("postgres (PostgreSQL) ")?
        .split_whitespace()
        .next()
}

/// `15.13` → 15, `18beta1` → 18.
fn major_of(version: &str) -> Option<u32> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn installed() -> Vec<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    folders.extend(told_by_pg_config());
    for (parent, prefix, programs) in INSTALLED {
        let versions = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(
            versions
                .filter(|version| version.file_name().to_string_lossy().starts_with(prefix))
                .map(|version| version.path().join(programs)),
        );
    }
    let mut seen = HashSet::new();
    folders.retain(|folder| {
        folder
            .join("postgres")
            .canonicalize()
            .is_ok_and(|program| seen.insert(program))
    });
    folders
}

fn told_by_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| folder.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_says() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(version_in(debian), Some("15.13"));
        assert_eq!(
            version_in("postgres (PostgreSQL) 18beta1\n"),
            Some("18beta1")
        );
        assert_eq!(version_in("bash: postgres: not found"), None);
    }

    #[test]
    fn the_major_version_is_the_number_in_front() {
        assert_eq!(major_of("15.13"), Some(15));
        assert_eq!(major_of("18beta1"), Some(18));
        assert_eq!(major_of("devel"), None);
    }
}
