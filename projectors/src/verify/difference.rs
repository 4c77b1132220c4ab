//! What differs from the log, and how people are told.

use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use crate::{Parked, Refused};

/// How many of a kind are told one by one.
const TOLD: usize = 100;
/// How many characters of a value are told.
const LENGTH: usize = 120;

/// Something that is not as the log says.
#[derive(Clone, Debug)]
pub enum Difference {
    /// The tables were made by another version of the fold.
    Version {
        /// Whose tables.
        projection: &'static str,
        /// Of the tables.
        found: i32,
        /// Of this program.
        known: i32,
    },
    /// The rows were made from another log.
    AnotherLog {
        /// Whose rows.
        projection: &'static str,
        /// That log.
        found: Uuid,
    },
    /// More was applied than the log has: it is older than the rows.
    Beyond {
        /// Whose rows.
        projection: &'static str,
        /// What was applied.
        position: i64,
        /// The log's end.
        head: i64,
    },
    /// An event that this program can't fold.
    Unfoldable {
        /// By whom.
        projection: &'static str,
        /// What it is about.
        aggregate_id: Uuid,
        /// Which, and why.
        refused: Refused,
    },
    /// An aggregate waits behind an event that was refused. Its rows are not compared.
    Parked {
        /// Where.
        projection: &'static str,
        /// Which, and why.
        parked: Parked,
        /// Whether a fresh fold takes the event.
        folds: bool,
    },
    /// A row.
    Row(RowDifference),
    /// A mail that nobody will ever send.
    Undelivered {
        /// The mail.
        notification_id: Uuid,
        /// Of the event that it is about.
        position: i64,
    },
    /// Numbers that must come out even and don't.
    Sum {
        /// What they are about.
        about: String,
        /// What is wrong.
        text: String,
        /// Of the last event of what they are about.
        position: Option<i64>,
    },
    /// The mirror in Kafka.
    Mirror {
        /// A partition as `order/2`, a topic, or `Kafka`.
        place: String,
        /// What is wrong.
        text: String,
        /// Of the event that it is about.
        position: Option<i64>,
    },
    /// There are more of this kind.
    More {
        /// A projection's name, `sums` or `mirror`.
        of: &'static str,
        /// How many.
        count: u64,
    },
}

/// A row that is not as the log says.
#[derive(Clone, Debug)]
pub struct RowDifference {
    /// Whose table.
    pub projection: &'static str,
    /// The table.
    pub table: &'static str,
    /// The row's primary key.
    pub key: String,
    /// Whether the live table has such a row.
    pub is_live: bool,
    /// Whether the log has.
    pub is_logged: bool,
    /// Where both have: the columns that differ.
    pub columns: Vec<Column>,
    /// Of the last event that the row rests on; none where the log has none.
    pub position: Option<i64>,
}

/// A column that is not as the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What the live table has.
    pub live: Value,
    /// What it should be.
    pub log: Value,
}

impl Difference {
    /// The projection that is made right by a rebuild, if that is the cure.
    #[must_use]
    pub fn repaired_by_rebuild(&self) -> Option<&'static str> {
        match self {
            Self::Version { projection, .. }
            | Self::Parked {
                projection,
                folds: true,
                ..
            }
            | Self::Row(RowDifference { projection, .. }) => Some(projection),
            Self::Undelivered { .. } => Some("notification"),
            Self::AnotherLog { .. }
            | Self::Beyond { .. }
            | Self::Unfoldable { .. }
            | Self::Parked { .. }
            | Self::Sum { .. }
            | Self::Mirror { .. }
            | Self::More { .. } => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version {
                projection,
                found,
                known,
            } => write!(
                f,
                "{projection}: its tables are of version {found}, this program makes version {known}"
            ),
            Self::AnotherLog { projection, found } => {
                write!(f, "{projection}: its rows are of another log, {found}")
            }
            Self::Beyond {
                projection,
                position,
                head,
            } => write!(
                f,
                "{projection}: has applied position {position}, but the log ends at {head}"
            ),
            Self::Unfoldable {
                projection,
                aggregate_id,
                refused,
            } => write!(f, "{projection}: {refused}; it is about {aggregate_id}"),
            Self::Parked {
                projection, parked, ..
            } => write!(f, "{projection}: {parked}"),
            Self::Row(row) => row.fmt(f),
            Self::Undelivered {
                notification_id,
                position,
            } => write!(
                f,
                "notification: mail {notification_id}, made by position {position}, is in no one's queue: table delivery \
                 has no row of it"
            ),
            Self::Sum {
                about,
                text,
                position,
            } => {
                write!(f, "sums: {about}: {text}")?;
                last_event(f, *position)
            }
            Self::Mirror {
                place,
                text,
                position,
            } => {
                write!(f, "mirror: {place}: {text}")?;
                match position {
                    Some(position) => write!(f, " (position {position})"),
                    None => Ok(()),
                }
            }
            Self::More { of, count } => write!(f, "{of}: {count} more differences"),
        }
    }
}

impl fmt::Display for RowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            projection,
            table,
            key,
            ..
        } = self;
        match (self.is_live, self.is_logged) {
            (false, _) => write!(
                f,
                "{projection}: table {table} lacks row {key}, which the log has"
            )?,
            (true, false) => write!(
                f,
                "{projection}: table {table} has row {key}, which the log does not have"
            )?,
            (true, true) => {
                write!(f, "{projection}: table {table}, row {key}: ")?;
                for (number, column) in self.columns.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    let (live, log) = (short(&column.live), short(&column.log));
                    write!(f, "{comma}{} is {live}, by the log {log}", column.name)?;
                }
            }
        }
        last_event(f, self.position)
    }
}

fn last_event(f: &mut fmt::Formatter<'_>, position: Option<i64>) -> fmt::Result {
    match position {
        Some(position) => write!(f, " (last event at position {position})"),
        None => write!(f, " (no event is about it)"),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Differences of one kind: the first ones, and how many more.
pub(super) struct Found {
    of: &'static str,
    told: Vec<Difference>,
    more: u64,
}

impl Found {
    pub(super) fn of(of: &'static str) -> Self {
        Self {
            of,
            told: Vec::new(),
            more: 0,
        }
    }

    /// How many more can be told.
    pub(super) fn room(&self) -> usize {
        TOLD.saturating_sub(self.told.len())
    }

    pub(super) fn push(&mut self, difference: Difference) {
        if self.room() > 0 {
            self.told.push(difference);
        } else {
            self.more += 1;
        }
    }

    /// So many that are not told.
    pub(super) fn count(&mut self, more: u64) {
        self.more += more;
    }

    pub(super) fn into_differences(mut self) -> Vec<Difference> {
        if self.more > 0 {
            let (of, count) = (self.of, self.more);
            self.told.push(Difference::More { of, count });
        }
        self.told
    }
}
