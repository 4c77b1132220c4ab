//! Decimals as the database has them, on their way to JSON digit for digit.

use serde::Serialize;
use serde_json::value::RawValue;

/// An amount of money; selected as text, because a float would change its digits.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Price(Box<RawValue>);

impl From<String> for Price {
    fn from(text: String) -> Self {
        Self(service::decimal::from_text(&text))
    }
}

impl Price {
    pub(crate) fn of_minor(minor: i64) -> Self {
        Self(service::decimal::from_minor(minor))
    }
}
