//! Payment cards: checked at the edge and reduced at once to what may be kept, the brand and the last four digits.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer, Serialize};

pub use brand::Brand;
pub use test_cards::{DeclineCode, TestCard};

mod brand;
mod test_cards;

/// A card's number: 12 to 19 digits with a right check digit. It can't be printed or stored.
#[derive(PartialEq, Eq)]
pub struct CardNumber(String);

/// The month until whose end a card is good, written MM/YY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    year: i32,
    month: u32,
}

/// The number on the back, of 3 or 4 digits. It can't be printed or stored.
#[derive(PartialEq, Eq)]
pub struct Cvv(String);

/// The last four digits of a card's number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Last4(String);

/// What we keep of a card.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Card {
    /// Who issued it.
    pub brand: Brand,
    /// What its owner knows it by.
    pub last4: Last4,
}

/// A card whose number, expiry and cvv were found good together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentCard(Card);

/// Why a card is refused. No text holds a digit of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Something else than digits, spaces and dashes.
    #[error("must be digits, which spaces or dashes may separate")]
    Digits,
    /// No card, or none of this brand, has a number of this length.
    #[error("must have as many digits as cards of its kind have")]
    Length,
    /// The check digit says that it was mistyped.
    #[error("must be a card number: its check digit is wrong")]
    CheckDigit,
    /// Not a month and a year.
    #[error("must be a month and a year as MM/YY")]
    Expiry,
    /// The month is over.
    #[error("must not be in the past")]
    Expired,
    /// Not 3 or 4 digits.
    #[error("must be 3 or 4 digits")]
    Cvv,
    /// The brand prints another number of digits.
    #[error("must be {0} digits for this card")]
    CvvLength(usize),
    /// Not four digits.
    #[error("must be the last 4 digits of a card")]
    Last4,
}

impl CardError {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            CardError::Digits | CardError::Length | CardError::CheckDigit | CardError::Last4 => {
                "card_number"
            }
            CardError::Expiry | CardError::Expired => "card_expiry",
            CardError::Cvv | CardError::CvvLength(_) => "card_cvv",
        }
    }
}

impl PaymentCard {
    /// Checks what can only be checked together. The listed test cards are good whatever their expiry.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "number and cvv end here: nobody shall have them afterwards"
    )]
    pub fn new(
        number: CardNumber,
        expiry: Expiry,
        cvv: Cvv,
        now: DateTime<Utc>,
    ) -> Result<Self, CardError> {
        let brand = number.brand();
        if expiry.is_past(now) && !test_cards::is_listed(&number.0) {
            return Err(CardError::Expired);
        }
        if cvv.0.len() != brand.cvv_length() {
            return Err(CardError::CvvLength(brand.cvv_length()));
        }
        Ok(Self(Card {
            brand,
            last4: number.last4(),
        }))
    }

    /// What may be kept of it.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.0
    }
}

impl CardNumber {
    /// Who issued the card.
    #[must_use]
    pub fn brand(&self) -> Brand {
        Brand::of(&self.0)
    }

    /// What its owner knows it by.
    #[must_use]
    pub fn last4(&self) -> Last4 {
        Last4(self.0[self.0.len() - 4..].to_owned())
    }
}

impl TryFrom<String> for CardNumber {
    type Error = CardError;

    fn try_from(written: String) -> Result<Self, CardError> {
        let number = written.replace([' ', '-'], "");
        if !is_digits(&number) {
            return Err(CardError::Digits);
        }
        if !Brand::of(&number).has_length(number.len()) {
            return Err(CardError::Length);
        }
        if !luhn(&number) || number.starts_with('0') {
            return Err(CardError::CheckDigit);
        }
        Ok(Self(number))
    }
}

impl Expiry {
    /// Whether its last day is over.
    #[must_use]
    pub fn is_past(self, now: DateTime<Utc>) -> bool {
        (self.year, self.month) < (now.year(), now.month())
    }
}

impl TryFrom<String> for Expiry {
    type Error = CardError;

    fn try_from(written: String) -> Result<Self, CardError> {
        let (month, year) = written.split_once('/').ok_or(CardError::Expiry)?;
        let month = two_digits(month)?;
        if !(1..=12).contains(&month) {
            return Err(CardError::Expiry);
        }
        let year = i32::try_from(two_digits(year)?).map_err(|_| CardError::Expiry)?;
        Ok(Self {
            year: 2000 + year,
            month,
        })
    }
}

impl TryFrom<String> for Cvv {
    type Error = CardError;

    fn try_from(written: String) -> Result<Self, CardError> {
        if !is_digits(&written) || !(3..=4).contains(&written.len()) {
            return Err(CardError::Cvv);
        }
        Ok(Self(written))
    }
}

impl Last4 {
    /// The four digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Last4 {
    type Error = CardError;

    fn try_from(digits: String) -> Result<Self, CardError> {
        if !is_digits(&digits) || digits.len() != 4 {
            return Err(CardError::Last4);
        }
        Ok(Self(digits))
    }
}

impl From<Last4> for String {
    fn from(last4: Last4) -> String {
        last4.0
    }
}

impl fmt::Display for Last4 {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("CardNumber([redacted])")
    }
}

impl fmt::Debug for Cvv {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Cvv([redacted])")
    }
}

macro_rules! written {
    ($($name:ident)*) => {$(
        impl FromStr for $name {
            type Err = CardError;

            fn from_str(written: &str) -> Result<Self, CardError> {
                written.to_owned().try_into()
            }
        }
    )*};
}

macro_rules! read_without_quoting {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::secret::string(deserializer)?.try_into().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

written! { CardNumber Expiry Cvv Last4 }
read_without_quoting! { CardNumber Expiry Cvv }

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn two_digits(text: &str) -> Result<u32, CardError> {
    if text.len() != 2 || !is_digits(text) {
        return Err(CardError::Expiry);
    }
    text.parse().map_err(|_| CardError::Expiry)
}

/// From the right, every second digit counts double, less nine where that has two digits.
fn luhn(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests;
