//! Money: whole minor units with a currency, never a float. Sums may fail.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;

/// What the shop is paid in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// United States dollar, of 100 cents.
    #[serde(rename = "USD")]
    Usd,
}

impl Currency {
    /// Its ISO 4217 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Currency::Usd => "USD",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Whole minor units: cents.
    pub minor: i64,
    /// What they are units of.
    pub currency: Currency,
}

impl Money {
    /// That many cents.
    #[must_use]
    pub fn usd(minor: i64) -> Self {
        Self {
            minor,
            currency: Currency::Usd,
        }
    }

    /// The sum; none when it is too large or the currencies differ.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        if self.currency != other.currency {
            return None;
        }
        Some(Money {
            minor: self.minor.checked_add(other.minor)?,
            ..self
        })
    }

    /// That many times the amount; none when it is too large.
    #[must_use]
    pub fn checked_mul(self, times: u32) -> Option<Money> {
        Some(Money {
            minor: self.minor.checked_mul(i64::from(times))?,
            ..self
        })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

/// What one unit of a product costs: 0.01 to 1000000.00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct Price(Money);

/// Why something is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is not written as a decimal number.
    #[error("must be a decimal number")]
    NotANumber,
    /// It has fractions of a cent.
    #[error("must have at most 2 decimal places")]
    TooManyPlaces,
    /// It is too little or too much.
    #[error("must be 0.01 to 1000000.00")]
    OutOfRange,
}

impl Price {
    const MAX: i64 = 100_000_000;

    /// Reads a decimal number as JSON writes it, exactly: no digit is lost or rounded.
    pub fn from_decimal(text: &str) -> Result<Self, PriceError> {
        Self::try_from(Money::usd(minor_units(text)?))
    }

    /// The price as an amount.
    #[must_use]
    pub fn money(self) -> Money {
        self.0
    }

    /// What so many units cost.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Money {
        self.0
            .checked_mul(quantity.get())
            .expect("the dearest price times the largest quantity fits")
    }
}

impl TryFrom<Money> for Price {
    type Error = PriceError;

    fn try_from(money: Money) -> Result<Self, PriceError> {
        if (1..=Self::MAX).contains(&money.minor) {
            Ok(Self(money))
        } else {
            Err(PriceError::OutOfRange)
        }
    }
}

impl From<Price> for Money {
    fn from(price: Price) -> Money {
        price.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Moves the decimal point by hand: a decimal type would round what has more digits than it can hold.
fn minor_units(text: &str) -> Result<i64, PriceError> {
    let (negative, unsigned) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, power(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(PriceError::NotANumber),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let written = format!("{whole}{fraction}");
    if whole.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PriceError::NotANumber);
    }
    let digits = written.trim_end_matches('0');
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() || negative {
        return Err(PriceError::OutOfRange);
    }
    // The number is 0.DIGITS times ten to the power of `point`.
    let point = length(whole).saturating_add(exponent);
    let zeros = point.saturating_sub(length(digits)).saturating_add(2); // to the right, until it counts cents
    if zeros < 0 {
        return Err(PriceError::TooManyPlaces);
    }
    let padded = zeros.saturating_add(length(significant));
    if padded > 18 {
        return Err(PriceError::OutOfRange); // and what follows can't overflow
    }
    let zeros = u32::try_from(zeros).map_err(|_| PriceError::OutOfRange)?;
    let minor: i64 = significant.parse().map_err(|_| PriceError::OutOfRange)?;
    Ok(minor * 10_i64.pow(zeros))
}

fn power(text: &str) -> Result<i64, PriceError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PriceError::NotANumber);
    }
    let far = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Ok(text.parse().unwrap_or(far))
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
