//! Texts that people write. Nothing is trimmed; lengths count characters; U+0000 is refused (Postgres can't keep it).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It holds U+0000.
    #[error("must not contain the character U+0000")]
    Nul,
    /// It is too short or too long.
    #[error("must be {min} to {max} characters long")]
    Length {
        /// The least number of characters.
        min: usize,
        /// The greatest number of characters.
        max: usize,
    },
    /// It is white space only.
    #[error("must not be blank")]
    Blank,
}

pub(crate) fn check(text: &str, min: usize, max: usize) -> Result<(), TextError> {
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    if !(min..=max).contains(&text.chars().count()) {
        return Err(TextError::Length { min, max });
    }
    if min > 0 && text.chars().all(char::is_whitespace) {
        return Err(TextError::Blank);
    }
    Ok(())
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident $min:literal $max:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                check(&text, $min, $max)?;
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

text! {
    /// What a product is called.
    ProductName 1 200
    /// What a product is like.
    Description 0 5000
    /// Where an order goes.
    Address 1 500
    /// What the customer wants us to know.
    Notes 0 1000
    /// Why stock was adjusted.
    Reason 0 500
}

#[cfg(test)]
mod tests;
