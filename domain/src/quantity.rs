//! Counted units: how many are ordered, how many lie on the shelf, how many come or go.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Units of one order: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(u32);

/// Units on the shelf, reserved ones included: 0 to 1000000000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct StockLevel(u32);

/// Units that come to the shelf (positive) or leave it (negative); never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Adjustment(i64);

/// Why a number is not a count of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No one orders so many.
    #[error("must be 1 to 1000")]
    Quantity,
    /// No shelf holds so many.
    #[error("must be 0 to 1000000000")]
    StockLevel,
    /// Nothing, or more than any shelf holds.
    #[error("must be -1000000000 to 1000000000 and not 0")]
    Adjustment,
}

/// What it takes to get from one quantity to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// They are the same.
    Same,
    /// So many more.
    More(Quantity),
    /// So many fewer.
    Fewer(Quantity),
}

impl Quantity {
    const MAX: u32 = 1000;

    /// The number of units.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// What it takes to get from this quantity to the other.
    #[must_use]
    pub fn difference_to(self, other: Quantity) -> Difference {
        match other.0.checked_sub(self.0) {
            Some(0) => Difference::Same,
            Some(more) => Difference::More(Quantity(more)),
            None => Difference::Fewer(Quantity(self.0 - other.0)),
        }
    }
}

impl StockLevel {
    pub(crate) const MAX: u32 = 1_000_000_000;

    /// The number of units.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Adjustment {
    const MAX: u64 = 1_000_000_000;

    /// The number of units, with its sign.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Self, QuantityError> {
        u32::try_from(units)
            .ok()
            .filter(|units| (1..=Self::MAX).contains(units))
            .map(Self)
            .ok_or(QuantityError::Quantity)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = QuantityError;

    fn try_from(units: u32) -> Result<Self, QuantityError> {
        i64::from(units).try_into()
    }
}

impl TryFrom<i64> for StockLevel {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Self, QuantityError> {
        u32::try_from(units)
            .ok()
            .filter(|units| *units <= Self::MAX)
            .map(Self)
            .ok_or(QuantityError::StockLevel)
    }
}

impl TryFrom<u32> for StockLevel {
    type Error = QuantityError;

    fn try_from(units: u32) -> Result<Self, QuantityError> {
        i64::from(units).try_into()
    }
}

impl TryFrom<i64> for Adjustment {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Self, QuantityError> {
        if units == 0 || units.unsigned_abs() > Self::MAX {
            return Err(QuantityError::Adjustment);
        }
        Ok(Self(units))
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> i64 {
        quantity.0.into()
    }
}

impl From<StockLevel> for i64 {
    fn from(level: StockLevel) -> i64 {
        level.0.into()
    }
}

impl From<Adjustment> for i64 {
    fn from(adjustment: Adjustment) -> i64 {
        adjustment.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for StockLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Adjustment {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests;
