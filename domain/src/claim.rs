//! A claim on a name: whoever appends the first event of its stream has the name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ClaimId, UserId};
use crate::{Aggregate, aggregate};

/// What kind of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A username.
    Username,
    /// An e-mail address.
    Email,
}

/// What may be wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Have the name.
    Claim {
        /// What kind of name.
        kind: Kind,
        /// For whom.
        account_id: UserId,
    },
    /// Have it no longer.
    Release,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The name is someone's.
    Claimed {
        /// What kind of name.
        kind: Kind,
        /// Whose.
        account_id: UserId,
    },
    /// The name is nobody's again.
    Released {},
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is another's.
    #[error("this {kind} is taken")]
    Taken {
        /// What kind of name.
        kind: Kind,
    },
}

/// A claim on a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Nobody's.
    #[default]
    Free,
    /// Someone's.
    Taken {
        /// Whose.
        account_id: UserId,
        /// What kind of name.
        kind: Kind,
    },
}

impl Aggregate for Claim {
    const TYPE: &'static str = "claim";
    type Id = ClaimId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (Claim::Free, Command::Claim { kind, account_id }) => {
                Ok(vec![Event::Claimed { kind, account_id }])
            }
            (
                Claim::Taken {
                    account_id: owner,
                    kind,
                },
                Command::Claim { account_id, .. },
            ) => {
                if *owner == account_id {
                    return Ok(vec![]); // it is theirs already
                }
                Err(Error::Taken { kind: *kind })
            }
            (Claim::Free, Command::Release) => Ok(vec![]), // it is free already
            (Claim::Taken { .. }, Command::Release) => Ok(vec![Event::Released {}]),
        }
    }

    fn evolve(&mut self, event: &Event) {
        *self = match event {
            Event::Claimed { kind, account_id } => Claim::Taken {
                account_id: *account_id,
                kind: *kind,
            },
            Event::Released {} => Claim::Free,
        };
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Claimed { .. } => "claimed",
            Event::Released {} => "released",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Claimed { .. } | Event::Released {} => "1",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Username => "username",
            Kind::Email => "e-mail address",
        })
    }
}

#[cfg(test)]
mod tests;
