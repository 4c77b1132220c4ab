//! The two names of an account. Both keep the spelling they were given and are compared normalised (RFC 8265:
//! width, case, Unicode form; a mail domain by its ASCII form), so that no one can take another's name by writing it
//! differently.

use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};

/// What a user logs in by: 3 to 64 characters of any script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

/// Where a user's mail goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It holds U+0000.
    #[error("must not contain the character U+0000")]
    Nul,
    /// A username that is too short or too long.
    #[error("must be 3 to 64 characters long")]
    UsernameLength,
    /// A username with characters, or a mix of them, that RFC 8265 does not allow.
    #[error("must be letters, digits and signs without spaces, in one writing direction")]
    Username,
    /// An address that is too long.
    #[error("must be at most 254 characters long")]
    EmailLength,
    /// Not an address.
    #[error("must be an e-mail address such as name@example.com")]
    Email,
}

impl Username {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is compared.
    #[must_use]
    pub fn normalised(&self) -> String {
        normalised(&self.0).expect("the door let it in")
    }
}

impl TryFrom<String> for Username {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        if name.contains('\0') {
            return Err(NameError::Nul);
        }
        if !(3..=64).contains(&name.chars().count()) {
            return Err(NameError::UsernameLength);
        }
        normalised(&name).ok_or(NameError::Username)?;
        Ok(Self(name))
    }
}

impl Email {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared.
    #[must_use]
    pub fn normalised(&self) -> String {
        address(&self.0).expect("the door let it in")
    }
}

impl TryFrom<String> for Email {
    type Error = NameError;

    fn try_from(email: String) -> Result<Self, NameError> {
        if email.contains('\0') {
            return Err(NameError::Nul);
        }
        if email.chars().count() > 254 {
            return Err(NameError::EmailLength);
        }
        address(&email).ok_or(NameError::Email)?;
        Ok(Self(email))
    }
}

macro_rules! spelling {
    ($($name:ident)*) => {$(
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

spelling! { Username Email }

fn normalised(name: &str) -> Option<String> {
    let once = folded(name)?;
    // A normal form that has another normal form would give one name two: RFC 8264 asks for a stable one.
    let twice = folded(&once)?;
    (once == twice).then_some(once)
}

fn folded(name: &str) -> Option<String> {
    let mapped = UsernameCaseMapped::enforce(name).ok()?;
    // One capital letter, two small ones: mapped character by character, Σ becomes σ and never ς.
    Some(mapped.replace('ς', "σ"))
}

/// The two sides of the @ are normalised alone: each may have its own writing direction.
fn address(email: &str) -> Option<String> {
    let (local, domain) = email.split_once('@')?;
    let local = normalised(local)?;
    // The same characters are welcome in both; two domains are one when they are one to DNS.
    normalised(domain)?;
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::EMPTY).ok()?;
    (is_local(&local) && is_domain(&domain)).then(|| format!("{local}@{domain}"))
}

fn is_local(local: &str) -> bool {
    local.chars().count() <= 64
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom.chars().all(|c| {
                    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
                })
        })
}

/// Of a domain in its ASCII form.
fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.len() <= 253
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

#[cfg(test)]
mod tests;
