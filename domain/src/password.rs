//! Passwords: the plain one on its way to be hashed, and the hash that is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A password as it was typed: 8 to 128 characters of any kind. It can't be printed or stored.
#[derive(PartialEq, Eq)]
pub struct PlainPassword(String);

/// A password's hash: a PHC string (`$argon2id$…`) or an imported bcrypt one (`$2b$…`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It holds U+0000.
    #[error("must not contain the character U+0000")]
    Nul,
    /// It is too short or too long.
    #[error("must be 8 to 128 characters long")]
    Length,
    /// A hash that is none.
    #[error("must be a password hash")]
    NotAHash,
}

impl PlainPassword {
    /// The password itself, for the one who hashes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PlainPassword {
    type Error = PasswordError;

    fn try_from(password: String) -> Result<Self, PasswordError> {
        if password.contains('\0') {
            return Err(PasswordError::Nul);
        }
        if !(8..=128).contains(&password.chars().count()) {
            return Err(PasswordError::Length);
        }
        Ok(Self(password))
    }
}

impl FromStr for PlainPassword {
    type Err = PasswordError;

    fn from_str(password: &str) -> Result<Self, PasswordError> {
        password.to_owned().try_into()
    }
}

impl<'de> Deserialize<'de> for PlainPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::secret::string(deserializer)?
            .try_into()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for PlainPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("PlainPassword([redacted])")
    }
}

impl PasswordHash {
    /// The hash as text, for the one who verifies it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordError;

    fn try_from(hash: String) -> Result<Self, PasswordError> {
        let fields = hash.strip_prefix('$').map_or(0, |rest| {
            rest.split('$').filter(|field| !field.is_empty()).count()
        });
        if fields < 3 || hash.len() > 512 || !hash.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PasswordError::NotAHash);
        }
        Ok(Self(hash))
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;

    fn from_str(hash: &str) -> Result<Self, PasswordError> {
        hash.to_owned().try_into()
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> String {
        hash.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("PasswordHash([redacted])")
    }
}

#[cfg(test)]
mod tests;
