//! The folder of the unix socket, which nobody but the server's account may enter.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

use crate::Error;
use crate::account::Account;
use crate::error::Trying;

/// The path of a unix socket holds 107 bytes (macOS: 103), its name included.
const LONGEST_FOLDER: usize = 80;

/// Makes `preferred`, or, when its path is too long for a socket, a folder among the temporary ones. Empties it: a socket
/// has a lock file of its own, and the pid in an old one may be someone else's by now.
pub(crate) fn make_folder(preferred: &Path, account: &Account) -> Result<PathBuf, Error> {
    let folder = short(preferred)?;
    match fs::symlink_metadata(&folder) {
        Ok(found) if found.is_dir() && found.uid() == account.uid() => {
            fs::remove_dir_all(&folder).trying("clear", &folder)?;
        }
        Ok(_) => {
            let foreign = std::io::Error::other("it belongs to someone else");
            return Err(foreign).trying("use the socket's folder", &folder);
        }
        Err(_) => {}
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .trying("make", &folder)?;
    account.own(&folder)?;
    Ok(folder)
}

fn short(preferred: &Path) -> Result<PathBuf, Error> {
    if preferred.as_os_str().len() <= LONGEST_FOLDER {
        return Ok(preferred.to_owned());
    }
    let parent = preferred.parent().unwrap_or(preferred);
    let found = fs::metadata(parent).trying("read", parent)?;
    let name = format!("online-mart-{:x}-{:x}", found.dev(), found.ino());
    Ok(std::env::temp_dir().join(name))
}

/// How one user reaches one server by its socket.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Address {
    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(self.port)
            .username(&self.user)
            .password(&self.password)
            .database(database)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://{}:{}@localhost:{}/{}?host={}",
            escaped(&self.user),
            escaped(&self.password),
            self.port,
            escaped(database),
            escaped(&self.socket_dir.to_string_lossy()),
        )
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} on port {} in {}",
            self.user,
            self.port,
            self.socket_dir.display()
        )
    }
}

fn escaped(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address {
            socket_dir: "/srv/a b/run".into(),
            port: 5433,
            user: "wasam".into(),
            password: "p@ss/wörd".into(),
        }
    }

    #[test]
    fn the_address_leads_to_the_socket() {
        let options: PgConnectOptions = address().url("shop").parse().unwrap();
        assert_eq!(options.get_socket(), Some(&PathBuf::from("/srv/a b/run")));
        assert_eq!(options.get_port(), 5433);
        assert_eq!(options.get_username(), "wasam");
        assert_eq!(options.get_database(), Some("shop"));
    }

    #[test]
    fn the_password_is_not_shown() {
        assert!(!format!("{:?}", address()).contains("p@ss"));
    }
}
