use std::fmt;

use serde::{Deserialize, Serialize};

/// Who issued a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// China Union Pay.
    Unionpay,
    /// One that we don't know by its number.
    Other,
}

impl Brand {
    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Brand::Visa => "visa",
            Brand::Mastercard => "mastercard",
            Brand::Amex => "amex",
            Brand::Discover => "discover",
            Brand::Diners => "diners",
            Brand::Jcb => "jcb",
            Brand::Unionpay => "unionpay",
            Brand::Other => "other",
        }
    }

    /// Told by the number's first digits.
    pub(super) fn of(number: &str) -> Self {
        let first = |digits: usize| {
            number
                .get(..digits)
                .and_then(|prefix| prefix.parse::<u32>().ok())
                .unwrap_or(0)
        };
        match (first(1), first(2), first(3), first(4)) {
            (4, ..) => Brand::Visa,
            (_, 51..=55, ..) | (_, _, _, 2221..=2720) => Brand::Mastercard,
            (_, 34 | 37, ..) => Brand::Amex,
            (_, 65, ..) | (_, _, 644..=649, _) | (_, _, _, 6011) => Brand::Discover,
            (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) | (_, _, _, 3095) => Brand::Diners,
            (_, _, _, 3528..=3589) => Brand::Jcb,
            (_, 62 | 81, ..) => Brand::Unionpay,
            _ => Brand::Other,
        }
    }

    /// Whether its cards' numbers have so many digits.
    pub(super) fn has_length(self, digits: usize) -> bool {
        match self {
            Brand::Visa => matches!(digits, 13 | 16 | 19),
            Brand::Mastercard => digits == 16,
            Brand::Amex => digits == 15,
            Brand::Diners => (14..=19).contains(&digits),
            Brand::Discover | Brand::Jcb | Brand::Unionpay => (16..=19).contains(&digits),
            Brand::Other => (12..=19).contains(&digits),
        }
    }

    /// How many digits its cards' cvv has.
    pub(super) fn cvv_length(self) -> usize {
        match self {
            Brand::Amex => 4,
            Brand::Visa
            | Brand::Mastercard
            | Brand::Discover
            | Brand::Diners
            | Brand::Jcb
            | Brand::Unionpay
            | Brand::Other => 3,
        }
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
