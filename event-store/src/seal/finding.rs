//! What the log's check has found.

use std::fmt;

use uuid::Uuid;

/// Something that is not as it was sealed. Positions are those of the log's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Events say something else than when they were sealed.
    Changed {
        /// The first of them.
        from: i64,
        /// The last of them.
        through: i64,
    },
    /// An event was put between others, which were moved towards the end.
    Inserted {
        /// Where it is.
        at: i64,
        /// The last one that was moved.
        moved: i64,
    },
    /// An event was taken out, and later ones were moved into its place.
    TakenOut {
        /// Where it was.
        at: i64,
        /// The last one that was moved.
        moved: i64,
    },
    /// Two events have changed places.
    Swapped {
        /// The one.
        first: i64,
        /// The other.
        second: i64,
    },
    /// Events are gone, and their positions with them.
    Missing {
        /// The first of them.
        from: i64,
        /// The last of them.
        through: i64,
    },
    /// There is an event where none can be: at a position that is taken, before the first, or past the log's head.
    Surplus {
        /// Where it is.
        at: i64,
    },
    /// The log ends before what was sealed of it, or before its own head.
    CutTail {
        /// Its last event.
        ends: i64,
        /// Where it ended once.
        ended: i64,
    },
    /// Something was changed between two checkpoints, and table `seal` as well: it can't tell what.
    Range {
        /// Up to here all is well.
        after: i64,
        /// The root that was signed here is another; what comes later can't be checked.
        through: i64,
    },
    /// A stream's sequences don't rise by one.
    Sequence {
        /// The event whose sequence is not its predecessor's and one.
        at: i64,
    },
    /// Events are as they were sealed, but table `seal` is not: their proofs would fail.
    Table {
        /// The first of them.
        from: i64,
        /// The last of them.
        through: i64,
    },
    /// Events wait for long already.
    Unsealed {
        /// The first of them.
        from: i64,
        /// The last of them.
        through: i64,
    },
    /// Nothing outside the database tells of the log.
    NoCheckpoints,
    /// A line of the files is no checkpoint.
    NotACheckpoint(Line),
    /// A checkpoint was not signed by the key that it names.
    BadSignature(Line),
    /// A checkpoint was signed by another key.
    AnotherKey(Line),
    /// A checkpoint tells of another log.
    AnotherLog(Line, Uuid),
    /// A checkpoint does not follow the one before it: lines were taken out, put in, swapped or changed.
    BrokenChain(Line),
    /// There is more of the kind.
    More {
        /// How many findings are not told.
        untold: u64,
    },
}

/// Where a checkpoint stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub number: usize,
    /// The position that the checkpoint tells of, where it can be read.
    pub position: Option<i64>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.number, self.file)?;
        match self.position {
            Some(position) => write!(f, ", the checkpoint at position {position},"),
            None => Ok(()),
        }
    }
}

struct Events(i64, i64);

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(from, through) if from == through => write!(f, "the event at position {from}"),
            Self(from, through) => write!(f, "the events at positions {from} to {through}"),
        }
    }
}

impl Finding {
    /// The first position that it is about.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        match self {
            Self::Changed { from, .. }
            | Self::Missing { from, .. }
            | Self::Table { from, .. }
            | Self::Unsealed { from, .. } => Some(*from),
            Self::Inserted { at, .. }
            | Self::TakenOut { at, .. }
            | Self::Surplus { at }
            | Self::Sequence { at } => Some(*at),
            Self::Swapped { first, .. } => Some(*first),
            Self::CutTail { ends, .. } => ends.checked_add(1),
            Self::Range { after, .. } => after.checked_add(1),
            Self::NotACheckpoint(line)
            | Self::BadSignature(line)
            | Self::AnotherKey(line)
            | Self::AnotherLog(line, _)
            | Self::BrokenChain(line) => line.position,
            Self::NoCheckpoints | Self::More { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { from, through } => {
                write!(f, "changed: {}", Events(*from, *through))
            }
            Self::Inserted { at, moved } => write!(
                f,
                "inserted: the event at position {at}; those up to {moved} were moved back by one"
            ),
            Self::TakenOut { at, moved } => write!(
                f,
                "deleted: the event at position {at}; those up to {moved} were moved up by one"
            ),
            Self::Swapped { first, second } => {
                write!(f, "swapped: the events at positions {first} and {second}")
            }
            Self::Missing { from, through } => {
                write!(f, "deleted: {}", Events(*from, *through))
            }
            Self::Surplus { at } => write!(
                f,
                "inserted: an event at position {at}, where the log can have none"
            ),
            Self::CutTail { ends, ended } => write!(
                f,
                "cut off: the log ends at position {ends}, it went on to {ended}"
            ),
            Self::Range { after, through } => write!(
                f,
                "changed: something between positions {after} and {through}, and table seal with it; what follows can't \
                 be checked"
            ),
            Self::Sequence { at } => write!(
                f,
                "out of sequence: the event at position {at} does not follow its predecessor in its stream"
            ),
            Self::Table { from, through } => write!(
                f,
                "table seal was changed: it tells something else of {}, which are as they were sealed",
                Events(*from, *through)
            ),
            Self::Unsealed { from, through } => {
                write!(
                    f,
                    "not sealed since a minute or more: {}",
                    Events(*from, *through)
                )
            }
            Self::NoCheckpoints => f.write_str("there are no signed checkpoints"),
            Self::NotACheckpoint(line) => write!(f, "{line} is no checkpoint"),
            Self::BadSignature(line) => write!(f, "{line} has a wrong signature"),
            Self::AnotherKey(line) => write!(f, "{line} is signed by another key"),
            Self::AnotherLog(line, log) => write!(f, "{line} tells of another log, {log}"),
            Self::BrokenChain(line) => write!(f, "{line} does not follow the one before it"),
            Self::More { untold } => write!(f, "and {untold} findings more"),
        }
    }
}
