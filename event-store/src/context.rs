//! Who did it, and why: what every event carries beside its facts.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller without a token.
    Anonymous,
    /// The shop itself: a reaction, or an operator's command.
    System,
    /// A logged-in user, by id.
    User(Uuid),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::System => f.write_str("system"),
            Self::User(id) => id.fmt(f),
        }
    }
}

/// What a command tells of itself; written beside each of its events.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asked.
    pub actor: Actor,
    /// The request that led here, through all that followed from it.
    pub correlation_id: String,
    /// The event or command that led to this one; `None`: the request itself.
    pub causation_id: Option<String>,
    /// The caller's trace, where one was sent: see [`traceparent`](crate::traceparent).
    pub traceparent: Option<String>,
}

impl Context {
    /// A context of the shop itself.
    #[must_use]
    pub fn system(correlation_id: impl Into<String>) -> Self {
        Self {
            actor: Actor::System,
            correlation_id: correlation_id.into(),
            causation_id: None,
            traceparent: None,
        }
    }

    /// The `metadata` column of this command's events.
    pub(crate) fn metadata(&self) -> String {
        serde_json::to_string(&Metadata {
            actor: self.actor.to_string(),
            correlation_id: self.correlation_id.clone(),
            causation_id: self.causation_id.clone(),
            traceparent: self.traceparent.clone(),
        })
        .expect("strings are always JSON")
    }
}

/// The `metadata` column, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Metadata {
    #[serde(default = "system")]
    pub actor: String,
    #[serde(default)]
    pub correlation_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub causation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
}

/// Who wrote an event that does not say so: something of ours that has no caller.
fn system() -> String {
    Actor::System.to_string()
}
