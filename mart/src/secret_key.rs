//! The key that signs access tokens, made once where none is given.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rand::TryRng;
use service::Secret;

const FILE: &str = "jwt-secret-key";

/// The data directory's key. Several processes may ask at once; all get the same.
pub(crate) fn read_or_make(data_dir: &Path) -> anyhow::Result<Secret> {
    let file = data_dir.join(FILE);
    match read(&file) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => {
            make(data_dir, &file).with_context(|| format!("can't keep a key in {}", file.display()))
        }
        Err(error) => Err(error).with_context(|| format!("can't read {}", file.display())),
    }
}

fn read(file: &Path) -> io::Result<Option<Secret>> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= 32 => Ok(Some(Secret::from(text.trim().to_owned()))),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "holds no key; remove it, and a new one is made",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a whole file under a name of its own, then links it: whoever links first wins, and nobody sees half a key.
fn make(data_dir: &Path, file: &Path) -> anyhow::Result<Secret> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(data_dir)?;
    let mut bytes = [0_u8; 48];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    let draft = data_dir.join(format!("{FILE}.{:016x}", rand::random::<u64>()));
    let linked = write(&draft, &STANDARD_NO_PAD.encode(bytes)).and_then(|()| {
        match fs::hard_link(&draft, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => File::open(data_dir)?.sync_all(),
        }
    });
    fs::remove_file(&draft)?;
    linked?;
    read(file)?.context("it vanished")
}

fn write(draft: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, os::unix::fs::PermissionsExt, thread};

    use super::*;

    #[test]
    fn processes_that_ask_at_once_get_one_strong_key_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let keys: HashSet<String> = thread::scope(|scope| {
            let asking: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| read_or_make(&data_dir).unwrap()))
                .collect();
            asking
                .into_iter()
                .map(|asked| asked.join().unwrap().expose().to_owned())
                .collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(
            Secret::from(keys.into_iter().next().unwrap()).weakness(),
            None
        );
        let left: Vec<_> = fs::read_dir(&data_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [data_dir.join(FILE)]);
        assert_eq!(
            fs::metadata(&left[0]).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_without_a_key_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "\n").unwrap();
        assert!(format!("{:#}", read_or_make(folder.path()).unwrap_err()).contains(FILE));
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "\n");
    }
}
