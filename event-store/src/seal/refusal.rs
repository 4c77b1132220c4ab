//! What the sealer does not go on over: somebody has to look.

/// Sealing on would cover up what happened, or destroy the proof of what was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The database is an older one than the files tell of.
    #[error(
        "the signed checkpoints know the log up to position {files}, the database was sealed up to {database}: an older \
         database was restored, or this is another one; where that is meant, give the checkpoints another directory"
    )]
    FilesKnowMore { files: i64, database: i64 },
    /// Checkpoints are gone.
    #[error(
        "the last of the signed checkpoints is not the one that the database tells of, at position {0}: files were taken \
         away or changed; put them back"
    )]
    FilesLack(i64),
    /// There is no file here, and another key sealed.
    #[error(
        "the log was sealed in another directory, up to position {0}, by key {1}: put that directory's files here; where \
         they are lost, keep that key in mind, empty the tables seal_checkpoint and seal, and sealing begins anew"
    )]
    SealedElsewhere(i64, String),
    /// A line of the files is none.
    #[error(
        "the last line of the signed checkpoints is no checkpoint of this log, signed by this key"
    )]
    NotOurs,
    /// The files' line that a crash cut short goes on in another way than the database knows.
    #[error(
        "the last line of the signed checkpoints is cut short, and not the beginning of the database's checkpoint"
    )]
    Torn,
    /// The tables are not what was signed.
    #[error("table seal is not what was signed at position {0}")]
    TablesChanged(i64),
    /// Events were taken away.
    #[error("the log ends at position {0}, but was sealed up to {1}")]
    CutTail(i64, i64),
    /// Events were taken away.
    #[error("the log lacks position {0}, it goes on at {1}")]
    Hole(i64, i64),
}
