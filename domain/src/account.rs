//! An account: who someone is, how they prove it, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::name::{Email, Username};
use crate::password::PasswordHash;
use crate::{Aggregate, aggregate};

/// What an account may do. Whoever is an admin is still a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buy.
    Customer,
    /// Run the shop.
    Admin,
}

/// A word that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be customer or admin")]
pub struct UnknownRole;

/// What may be wished for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open the account.
    Register {
        /// What its owner logs in by.
        username: Username,
        /// Where the owner's mail goes.
        email: Email,
        /// What the owner's password is checked against.
        password_hash: PasswordHash,
    },
    /// Keep a better hash of the same password.
    Rehash {
        /// What the owner's password is checked against.
        password_hash: PasswordHash,
    },
    /// Let the owner do more.
    Grant {
        /// As what.
        role: Role,
    },
    /// Let the owner do so no longer.
    Revoke {
        /// As what.
        role: Role,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The account was opened.
    Registered {
        /// What its owner logs in by.
        username: Username,
        /// Where the owner's mail goes.
        email: Email,
        /// What the owner's password is checked against.
        password_hash: PasswordHash,
    },
    /// A better hash of the same password is kept.
    PasswordRehashed {
        /// What the owner's password is checked against.
        password_hash: PasswordHash,
    },
    /// The owner may do more.
    RoleGranted {
        /// As what.
        role: Role,
    },
    /// The owner may do so no longer.
    RoleRevoked {
        /// As what.
        role: Role,
    },
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("there is no such account")]
    NotFound,
    /// It was opened before.
    #[error("this account exists already")]
    AlreadyRegistered,
    /// No one stops being a customer.
    #[error("the role customer can't be revoked")]
    CustomerForGood,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Account {
    /// Not opened yet.
    #[default]
    New,
    /// In use.
    Active {
        /// What its owner logs in by.
        username: Username,
        /// Where the owner's mail goes.
        email: Email,
        /// What the owner's password is checked against.
        password_hash: PasswordHash,
        /// What the owner may do.
        role: Role,
    },
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Id = UserId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (
                Account::New,
                Command::Register {
                    username,
                    email,
                    password_hash,
                },
            ) => Ok(vec![Event::Registered {
                username,
                email,
                password_hash,
            }]),
            (Account::Active { .. }, Command::Register { .. }) => Err(Error::AlreadyRegistered),
            (
                Account::New,
                Command::Rehash { .. } | Command::Grant { .. } | Command::Revoke { .. },
            ) => Err(Error::NotFound),
            (
                Account::Active {
                    password_hash: kept,
                    ..
                },
                Command::Rehash { password_hash },
            ) => {
                if *kept == password_hash {
                    return Ok(vec![]); // it is kept already
                }
                Ok(vec![Event::PasswordRehashed { password_hash }])
            }
            (
                Account::Active {
                    role: Role::Customer,
                    ..
                },
                Command::Grant {
                    role: role @ Role::Admin,
                },
            ) => Ok(vec![Event::RoleGranted { role }]),
            (
                Account::Active {
                    role: Role::Admin, ..
                },
                Command::Revoke {
                    role: role @ Role::Admin,
                },
            ) => Ok(vec![Event::RoleRevoked { role }]),
            // Granted or revoked already; and everyone is a customer.
            (
                Account::Active {
                    role: Role::Admin, ..
                },
                Command::Grant { role: Role::Admin },
            )
            | (
                Account::Active {
                    role: Role::Customer,
                    ..
                },
                Command::Revoke { role: Role::Admin },
            )
            | (
                Account::Active { .. },
                Command::Grant {
                    role: Role::Customer,
                },
            ) => Ok(vec![]),
            (
                Account::Active { .. },
                Command::Revoke {
                    role: Role::Customer,
                },
            ) => Err(Error::CustomerForGood),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event.clone()) {
            (
                _,
                Event::Registered {
                    username,
                    email,
                    password_hash,
                },
            ) => {
                *self = Account::Active {
                    username,
                    email,
                    password_hash,
                    role: Role::Customer,
                };
            }
            (
                Account::Active {
                    password_hash: kept,
                    ..
                },
                Event::PasswordRehashed { password_hash },
            ) => {
                *kept = password_hash;
            }
            (Account::Active { role: now, .. }, Event::RoleGranted { role }) => *now = role,
            (Account::Active { role: now, .. }, Event::RoleRevoked { .. }) => *now = Role::Customer,
            (
                Account::New,
                Event::PasswordRehashed { .. }
                | Event::RoleGranted { .. }
                | Event::RoleRevoked { .. },
            ) => {} // no history begins so
        }
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Registered { .. } => "registered",
            Event::PasswordRehashed { .. } => "password-rehashed",
            Event::RoleGranted { .. } => "role-granted",
            Event::RoleRevoked { .. } => "role-revoked",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Registered { .. }
            | Event::PasswordRehashed { .. }
            | Event::RoleGranted { .. }
            | Event::RoleRevoked { .. } => "1",
        }
    }
}

impl Role {
    /// Its name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        match word {
            "customer" => Ok(Role::Customer),
            "admin" => Ok(Role::Admin),
            _ => Err(UnknownRole),
        }
    }
}

#[cfg(test)]
mod tests;
