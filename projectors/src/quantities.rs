//! How many units a stock record holds: what `inventory` and `product` fold alike.

use event_store::Published;
use proto::inventory::v1::inventory_event::Event;
use sqlx::FromRow;

use crate::projection::Refused;

/// Units of one product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Quantities {
    /// On the shelf, reserved ones included.
    pub stock_level: i64,
    /// Promised to orders that are not paid.
    pub reserved_stock: i64,
    /// Paid, so far.
    pub sold_stock: i64,
}

impl Quantities {
    pub(crate) fn opened(stock_level: i64) -> Self {
        Self {
            stock_level,
            ..Self::default()
        }
    }

    /// Units that no order holds.
    #[must_use]
    pub fn free(&self) -> i64 {
        self.stock_level - self.reserved_stock
    }

    /// Applies an event that follows the opening one.
    pub(crate) fn change(&mut self, change: &Event, event: &Published) -> Result<(), Refused> {
        match change {
            Event::Opened(_) => return Err(Refused::impossible(event, "stock opened twice")),
            Event::LevelSet(set) => self.stock_level = set.stock_level,
            Event::Adjusted(adjusted) => self.stock_level += adjusted.by,
            Event::Reserved(reserved) => self.reserved_stock += reserved.quantity,
            Event::Released(released) => self.reserved_stock -= released.quantity,
            Event::Committed(committed) => {
                self.stock_level -= committed.quantity;
                self.reserved_stock -= committed.quantity;
                self.sold_stock += committed.quantity;
            }
            Event::Retired(_) => {}
        }
        if self.reserved_stock < 0 || self.free() < 0 {
            return Err(Refused::impossible(
                event,
                "less stock than is reserved, or less than nothing reserved",
            ));
        }
        Ok(())
    }
}
