//! What a projection is: a name, a version, tables and an `apply`.

use std::sync::Arc;

use event_store::Published;
use futures::future::BoxFuture;
use proto::{Message, Topic};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ReadDatabases;

/// A read model that is folded from the log.
///
/// Its SQL names no schema, so that a rebuild can run the same `apply` beside the live tables, by `search_path`.
pub trait Projection: Send + Sync {
    /// As `mart projections` and the operator's routes call it.
    fn name(&self) -> &'static str;

    /// Raised whenever the fold or the tables change in a way that needs a rebuild.
    fn version(&self) -> i32;

    /// The tables that `apply` writes and nothing else does.
    fn tables(&self) -> &'static [&'static str];

    /// Where they are.
    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool;

    /// Where the mirror publishes what it folds: every message that concerns it is on one of these.
    fn topics(&self) -> &'static [Topic];

    /// Whether `apply` does anything with such a message.
    fn concerns(&self, message: &Message) -> bool;

    /// Loads the rows that these events touch, folds, and writes what changed, in key order. The caller's transaction
    /// holds it together with the checkpoint.
    ///
    /// Events of one aggregate come in their order, those of different aggregates in any. An event seen twice changes
    /// nothing; one that is ahead of its aggregate's next is refused.
    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>>;
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An event that does not fit what came before: trying again does not help.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Trouble with the database: trying again may help.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An event that cannot be folded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {position} cannot be folded: {reason}")]
pub struct Refused {
    /// Of the event.
    pub position: i64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Events of its aggregate are missing before it.
    #[error("its aggregate's next sequence is {expected}, it has {found}")]
    OutOfOrder {
        /// The sequence that would have been next.
        expected: i64,
        /// The sequence that came.
        found: i64,
    },
    /// It is of a kind that this program does not know, or a field does not hold what it must.
    #[error("{0} is unreadable")]
    Unreadable(&'static str),
    /// It contradicts what came before.
    #[error("{0}")]
    Impossible(&'static str),
}

impl Refused {
    pub(crate) fn unreadable(event: &Published, what: &'static str) -> Self {
        Self {
            position: event.position,
            reason: Reason::Unreadable(what),
        }
    }

    pub(crate) fn impossible(event: &Published, why: &'static str) -> Self {
        Self {
            position: event.position,
            reason: Reason::Impossible(why),
        }
    }
}

/// Whether the event is its aggregate's next after `version`; false when it was seen before.
pub(crate) fn is_next(version: i64, event: &Published) -> Result<bool, Refused> {
    if event.sequence > version + 1 {
        return Err(Refused {
            position: event.position,
            reason: Reason::OutOfOrder {
                expected: version + 1,
                found: event.sequence,
            },
        });
    }
    Ok(event.sequence == version + 1)
}

/// An id out of a message.
pub(crate) fn id(event: &Published, text: &str, what: &'static str) -> Result<Uuid, Refused> {
    Uuid::try_parse(text).map_err(|_| Refused::unreadable(event, what))
}
