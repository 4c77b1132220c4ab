//! A login: open until it ends or is not refreshed in time. Each refresh changes the secret; of two with one secret the
//! first wins.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{SessionId, UserId};
use crate::{Aggregate, aggregate};

/// The SHA-256 of a refresh token's secret; all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretDigest([u8; 32]);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 lower-case hexadecimal digits")]
pub struct NotADigest;

/// What may be wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Log in.
    Start {
        /// Who.
        user_id: UserId,
        /// What a refresh is checked against.
        secret_digest: SecretDigest,
        /// Until when it can be refreshed.
        expires_at: DateTime<Utc>,
    },
    /// Stay logged in.
    Refresh {
        /// The secret that was shown.
        presented: SecretDigest,
        /// What the next refresh is checked against.
        next: SecretDigest,
        /// When.
        at: DateTime<Utc>,
        /// Until when it can be refreshed next.
        expires_at: DateTime<Utc>,
    },
    /// Log out.
    End,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Someone logged in.
    Started {
        /// Who.
        user_id: UserId,
        /// What a refresh is checked against.
        secret_digest: SecretDigest,
        /// Until when it can be refreshed.
        expires_at: DateTime<Utc>,
    },
    /// They stay logged in, with another secret.
    Refreshed {
        /// What the next refresh is checked against.
        secret_digest: SecretDigest,
        /// Until when it can be refreshed.
        expires_at: DateTime<Utc>,
    },
    /// They logged out.
    Ended {},
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none, or none any more.
    #[error("there is no such session")]
    NotFound,
    /// It was started before.
    #[error("this session exists already")]
    AlreadyStarted,
    /// The secret is not its, or not any more.
    #[error("the refresh token is not valid")]
    WrongSecret,
    /// It was not refreshed in time.
    #[error("the session has expired")]
    Expired,
}

/// A login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Session {
    /// Not started yet.
    #[default]
    New,
    /// In use.
    Open {
        /// Whose.
        user_id: UserId,
        /// What a refresh is checked against.
        secret_digest: SecretDigest,
        /// Until when it can be refreshed.
        expires_at: DateTime<Utc>,
    },
    /// Over.
    Ended,
}

impl Aggregate for Session {
    const TYPE: &'static str = "session";
    type Id = SessionId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (
                Session::New,
                Command::Start {
                    user_id,
                    secret_digest,
                    expires_at,
                },
            ) => Ok(vec![Event::Started {
                user_id,
                secret_digest,
                expires_at,
            }]),
            (Session::Open { .. } | Session::Ended, Command::Start { .. }) => {
                Err(Error::AlreadyStarted)
            }
            (Session::New, Command::Refresh { .. } | Command::End)
            | (Session::Ended, Command::Refresh { .. }) => Err(Error::NotFound),
            (
                Session::Open {
                    secret_digest,
                    expires_at: end,
                    ..
                },
                Command::Refresh {
                    presented,
                    next,
                    at,
                    expires_at,
                },
            ) => {
                if *secret_digest != presented {
                    return Err(Error::WrongSecret);
                }
                if at >= *end {
                    return Err(Error::Expired);
                }
                Ok(vec![Event::Refreshed {
                    secret_digest: next,
                    expires_at,
                }])
            }
            (Session::Open { .. }, Command::End) => Ok(vec![Event::Ended {}]),
            (Session::Ended, Command::End) => Ok(vec![]), // it is over already
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (
                _,
                Event::Started {
                    user_id,
                    secret_digest,
                    expires_at,
                },
            ) => {
                *self = Session::Open {
                    user_id: *user_id,
                    secret_digest: *secret_digest,
                    expires_at: *expires_at,
                };
            }
            (
                Session::Open {
                    secret_digest: secret,
                    expires_at: end,
                    ..
                },
                Event::Refreshed {
                    secret_digest,
                    expires_at,
                },
            ) => {
                *secret = *secret_digest;
                *end = *expires_at;
            }
            (_, Event::Ended {}) => *self = Session::Ended,
            (Session::New | Session::Ended, Event::Refreshed { .. }) => {} // no history goes so
        }
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Started { .. } => "started",
            Event::Refreshed { .. } => "refreshed",
            Event::Ended {} => "ended",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Started { .. } | Event::Refreshed { .. } | Event::Ended {} => "1",
        }
    }
}

impl From<[u8; 32]> for SecretDigest {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl FromStr for SecretDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        if text.len() != 64
            || !text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(NotADigest);
        }
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| NotADigest)?;
        }
        Ok(Self(digest))
    }
}

impl TryFrom<String> for SecretDigest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<SecretDigest> for String {
    fn from(digest: SecretDigest) -> String {
        digest
            .0
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a string takes all that is written");
                text
            })
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("SecretDigest([redacted])")
    }
}

#[cfg(test)]
mod tests;
