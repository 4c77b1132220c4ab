//! A product's stock record: what lies on the shelf, what of it is reserved, what was sold. Never negative, never more
//! reserved than there is.

use serde::{Deserialize, Serialize};

use crate::id::{OrderId, ProductId, StockId};
use crate::quantity::{Adjustment, Quantity, StockLevel};
use crate::text::Reason;
use crate::{Aggregate, aggregate};

/// What may be wished for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin to keep stock of a product.
    Open {
        /// Of which.
        product_id: ProductId,
        /// How many lie on the shelf.
        level: StockLevel,
    },
    /// Say how many lie on the shelf.
    SetLevel {
        /// How many.
        level: StockLevel,
    },
    /// Put some on the shelf or take some away.
    Adjust {
        /// How many.
        by: Adjustment,
        /// Why.
        reason: Option<Reason>,
    },
    /// Keep some for an order.
    Reserve {
        /// For which.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Keep them no longer.
    Release {
        /// For which they were kept.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Hand reserved ones out: they are sold.
    Commit {
        /// For which they were kept.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Take no new reservation: the product left the catalogue.
    Retire,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Stock of a product began to be kept.
    Opened {
        /// Of which.
        product_id: ProductId,
        /// How many lie on the shelf.
        level: StockLevel,
    },
    /// The shelf was counted, or filled to a number.
    LevelSet {
        /// How many lie on it now.
        level: StockLevel,
    },
    /// Some came or went.
    Adjusted {
        /// How many.
        by: Adjustment,
        /// Why.
        reason: Option<Reason>,
    },
    /// Some are kept for an order.
    Reserved {
        /// For which.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Some are kept no longer.
    Released {
        /// For which they were kept.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Reserved ones were sold.
    Committed {
        /// For which they were kept.
        order_id: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// The record takes no new reservation.
    Retired {},
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No stock of this product is kept.
    #[error("there is no such stock record")]
    NotFound,
    /// Stock of this product is kept already.
    #[error("this product has a stock record already")]
    AlreadyOpen,
    /// Orders wait for more than would lie there.
    #[error("the stock level can't be below the {reserved} units that are reserved")]
    BelowReserved {
        /// How many are reserved.
        reserved: u32,
    },
    /// There would be fewer than none.
    #[error("the stock level can't be below 0")]
    TooLow,
    /// There would be more than any shelf holds.
    #[error("the stock level can't be above 1000000000")]
    TooHigh,
    /// Too few are free.
    #[error("only {available} units are available")]
    Insufficient {
        /// How many are free.
        available: u32,
    },
    /// The product left the catalogue.
    #[error("this stock record is closed: its product was deleted")]
    Retired,
    /// So many are not reserved.
    #[error("so many units are not reserved")]
    NotReserved,
}

/// What lies where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// The product whose units they are.
    pub product_id: ProductId,
    /// Units on the shelf, reserved ones included.
    pub level: u32,
    /// Units kept for orders.
    pub reserved: u32,
    /// Units sold, ever.
    pub sold: u64,
}

/// A stock record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stock {
    /// None is kept yet.
    #[default]
    New,
    /// The product is in the catalogue.
    Open(Levels),
    /// The product left it; what was ordered before stands.
    Retired(Levels),
}

impl Stock {
    /// What lies where, once stock is kept.
    #[must_use]
    pub fn levels(&self) -> Option<&Levels> {
        match self {
            Stock::New => None,
            Stock::Open(levels) | Stock::Retired(levels) => Some(levels),
        }
    }
}

impl Levels {
    /// Units that may still be ordered.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.level.saturating_sub(self.reserved)
    }

    /// The level that an adjustment leads to, if it may.
    fn adjusted(&self, by: Adjustment) -> Result<u32, Error> {
        let level = i64::from(self.level) + by.get();
        if level < 0 {
            return Err(Error::TooLow);
        }
        match u32::try_from(level) {
            Ok(level) if level <= StockLevel::MAX => self.not_below_reserved(level),
            Ok(_) | Err(_) => Err(Error::TooHigh),
        }
    }

    fn not_below_reserved(&self, level: u32) -> Result<u32, Error> {
        if level < self.reserved {
            Err(Error::BelowReserved {
                reserved: self.reserved,
            })
        } else {
            Ok(level)
        }
    }

    fn has_reserved(&self, quantity: Quantity) -> Result<(), Error> {
        if quantity.get() > self.reserved {
            Err(Error::NotReserved)
        } else {
            Ok(())
        }
    }
}

impl Aggregate for Stock {
    const TYPE: &'static str = "stock";
    type Id = StockId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (Stock::New, Command::Open { product_id, level }) => {
                Ok(vec![Event::Opened { product_id, level }])
            }
            (Stock::Open(_) | Stock::Retired(_), Command::Open { .. }) => Err(Error::AlreadyOpen),

            (
                Stock::New,
                Command::SetLevel { .. }
                | Command::Adjust { .. }
                | Command::Release { .. }
                | Command::Commit { .. },
            ) => Err(Error::NotFound),
            (Stock::Retired(_), Command::SetLevel { .. } | Command::Adjust { .. }) => {
                Err(Error::Retired)
            }
            (Stock::Open(levels), Command::SetLevel { level }) if level.get() == levels.level => {
                Ok(vec![])
            } // it is so
            (Stock::Open(levels), Command::SetLevel { level }) => {
                levels.not_below_reserved(level.get())?;
                Ok(vec![Event::LevelSet { level }])
            }
            (Stock::Open(levels), Command::Adjust { by, reason }) => {
                levels.adjusted(by)?;
                Ok(vec![Event::Adjusted { by, reason }])
            }

            (Stock::New, Command::Reserve { .. }) => Err(Error::Insufficient { available: 0 }),
            (Stock::Retired(_), Command::Reserve { .. }) => Err(Error::Retired),
            (Stock::Open(levels), Command::Reserve { order_id, quantity }) => {
                let available = levels.available();
                if quantity.get() > available {
                    return Err(Error::Insufficient { available });
                }
                Ok(vec![Event::Reserved { order_id, quantity }])
            }

            // What was promised before the product left the catalogue is still handed out or given back.
            (
                Stock::Open(levels) | Stock::Retired(levels),
                Command::Release { order_id, quantity },
            ) => {
                levels.has_reserved(quantity)?;
                Ok(vec![Event::Released { order_id, quantity }])
            }
            (
                Stock::Open(levels) | Stock::Retired(levels),
                Command::Commit { order_id, quantity },
            ) => {
                levels.has_reserved(quantity)?;
                Ok(vec![Event::Committed { order_id, quantity }])
            }

            (Stock::New | Stock::Retired(_), Command::Retire) => Ok(vec![]), // nothing to close, or closed before
            (Stock::Open(_), Command::Retire) => Ok(vec![Event::Retired {}]),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (_, Event::Opened { product_id, level }) => {
                *self = Stock::Open(Levels {
                    product_id: *product_id,
                    level: level.get(),
                    reserved: 0,
                    sold: 0,
                });
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::LevelSet { level }) => {
                levels.level = level.get();
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::Adjusted { by, .. }) => {
                levels.level = levels
                    .adjusted(*by)
                    .expect("decide let no other adjustment through");
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::Reserved { quantity, .. }) => {
                levels.reserved += quantity.get();
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::Released { quantity, .. }) => {
                levels.reserved -= quantity.get();
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::Committed { quantity, .. }) => {
                levels.level -= quantity.get();
                levels.reserved -= quantity.get();
                levels.sold += u64::from(quantity.get());
            }
            (Stock::Open(levels) | Stock::Retired(levels), Event::Retired {}) => {
                *self = Stock::Retired(*levels);
            }
            (
                Stock::New,
                Event::LevelSet { .. }
                | Event::Adjusted { .. }
                | Event::Reserved { .. }
                | Event::Released { .. }
                | Event::Committed { .. }
                | Event::Retired {},
            ) => {} // no history begins so
        }
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Opened { .. } => "opened",
            Event::LevelSet { .. } => "level-set",
            Event::Adjusted { .. } => "adjusted",
            Event::Reserved { .. } => "reserved",
            Event::Released { .. } => "released",
            Event::Committed { .. } => "committed",
            Event::Retired {} => "retired",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Opened { .. }
            | Event::LevelSet { .. }
            | Event::Adjusted { .. }
            | Event::Reserved { .. }
            | Event::Released { .. }
            | Event::Committed { .. }
            | Event::Retired {} => "1",
        }
    }
}

#[cfg(test)]
mod tests;
