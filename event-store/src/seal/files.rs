//! The files of signed checkpoints: one for each day, one line for each checkpoint, only ever appended to.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;

use super::checkpoint::Checkpoint;

/// Makes a folder that nobody else may enter, unless it is there.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The files, oldest first.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let named = name.is_some_and(|name| name.starts_with("checkpoints-"));
        if named
            && path
                .extension()
                .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The lines of a file. A last one that lacks its end is one that a crash cut short.
pub(crate) fn lines(file: &Path) -> Result<impl Iterator<Item = io::Result<String>>> {
    let file = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reader = BufReader::new(file);
    Ok(std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            // What is no text is no checkpoint either.
            Ok(_) => Some(Ok(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// The files, for appending; of all who want to, one may.
pub(crate) struct Files {
    folder: PathBuf,
    /// Locked while this lives.
    _lock: File,
    open: Option<(PathBuf, tokio::fs::File)>,
}

/// How the files end.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// The last whole line.
    pub last: Option<String>,
    /// The beginning of another one, and the file that it stands in.
    pub torn: Option<(PathBuf, String)>,
}

impl Files {
    /// `None` while another process appends to them.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>> {
        let cannot = || format!("cannot keep checkpoints in {}", folder.display());
        private_folder(folder).with_context(cannot)?;
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(folder.join("lock")).with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                folder: folder.to_owned(),
                _lock: lock,
                open: None,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }

    pub(crate) fn end(&self) -> Result<End> {
        let mut end = End::default();
        for file in files(&self.folder)?.iter().rev() {
            for line in lines(file)? {
                let line = line?;
                match line.strip_suffix('\n') {
                    Some(line) => end.last = Some(line.to_owned()),
                    None => end.torn = Some((file.clone(), line)),
                }
            }
            if end.last.is_some() {
                break;
            }
        }
        Ok(end)
    }

    /// Completes a line that a crash cut short.
    pub(crate) async fn complete(&mut self, file: &Path, rest: &str) -> Result<()> {
        self.write(file.to_owned(), rest).await
    }

    pub(crate) async fn append(&mut self, checkpoint: &Checkpoint, line: &str) -> Result<()> {
        let name = format!("checkpoints-{}.jsonl", checkpoint.at.format("%Y-%m-%d"));
        self.write(self.folder.join(name), line).await
    }

    /// Returns once it is on the disk.
    async fn write(&mut self, path: PathBuf, line: &str) -> Result<()> {
        let cannot = || format!("cannot write {}", path.display());
        // Not there again after an error: nobody knows how much of the line was written.
        let mut file = match self.open.take() {
            Some((open, file)) if open == path => file,
            _ => {
                let mut options = tokio::fs::OpenOptions::new();
                let options = options.create(true).append(true).mode(0o600);
                let file = options.open(&path).await.with_context(cannot)?;
                let folder = tokio::fs::File::open(&self.folder).await?;
                folder.sync_all().await.with_context(cannot)?;
                file
            }
        };
        file.write_all(format!("{line}\n").as_bytes())
            .await
            .with_context(cannot)?;
        file.flush().await.with_context(cannot)?;
        file.sync_data().await.with_context(cannot)?;
        self.open = Some((path, file));
        Ok(())
    }
}
