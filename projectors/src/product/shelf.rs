//! Finds the product that an event is about.

use std::collections::HashMap;

use event_store::Published;
use proto::Message;
use proto::inventory::v1::inventory_event::Event;
use uuid::Uuid;

use super::Product;
use crate::projection::{self, Refused, is_next};
use crate::rows::{Changed, Rows};

/// The products that a batch touches, found by their own id and by their stock record's.
pub(super) struct Shelf {
    products: Rows<Product>,
    by_record: HashMap<Uuid, Uuid>,
}

impl Shelf {
    pub(super) fn of(products: Rows<Product>) -> Self {
        let record =
            |(id, product): (Uuid, &Product)| Some((product.stock.as_ref()?.inventory_id, id));
        let by_record = products.iter().filter_map(record).collect();
        Self {
            products,
            by_record,
        }
    }

    pub(super) fn changed(&self) -> impl Iterator<Item = Changed<'_, Product>> {
        self.products.changed()
    }

    /// The product that the event is about.
    pub(super) fn by(&mut self, event: &Published) -> Result<&mut Option<Product>, Refused> {
        let product_id = match named_product(event)? {
            Some(product_id) => {
                self.by_record.insert(event.aggregate_id, product_id);
                product_id
            }
            None if matches!(event.message, Message::Inventory(_)) => {
                let known = self.by_record.get(&event.aggregate_id);
                match known {
                    Some(product_id) => *product_id,
                    None => return Err(never_opened(event)),
                }
            }
            None => event.aggregate_id,
        };
        Ok(self.products.row(product_id))
    }
}

/// The product that a stock record's first event names.
pub(super) fn named_product(event: &Published) -> Result<Option<Uuid>, Refused> {
    let Message::Inventory(message) = &event.message else {
        return Ok(None);
    };
    let Some(Event::Opened(opened)) = &message.event else {
        return Ok(None);
    };
    projection::id(event, &opened.product_id, "a product's id").map(Some)
}

fn never_opened(event: &Published) -> Refused {
    is_next(0, event)
        .err()
        .unwrap_or_else(|| Refused::impossible(event, "stock that was never opened"))
}
