//! The catalogue with what is free to order: `product`, folded from products and from their stock records.

mod shelf;
mod tables;

use std::sync::Arc;

use event_store::Published;
use futures::future::BoxFuture;
use proto::inventory::v1::{InventoryEvent, inventory_event};
use proto::product::v1::{ProductEvent, product_event::Event};
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{self, ApplyError, Projection, Refused, is_next};
use crate::{Quantities, ReadDatabases};

/// The projection `product`.
pub struct Products;

/// A product and its stock record, whichever of the two was seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The product.
    pub product_id: Uuid,
    /// What the catalogue says.
    pub catalogue: Catalogue,
    /// What its stock record says.
    pub stock: Option<Stock>,
}

/// What the catalogue says about a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// Nothing yet: its stock waits for it.
    Unseen,
    /// In the table.
    Listed(Listing),
    /// Deleted; nothing revives it.
    Gone {
        /// The product's sequence.
        version: i64,
    },
}

/// A listed product.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Listing {
    /// Position of the event that created it.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// In minor units of `currency`; the table holds the decimal number.
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Whether it is for sale.
    pub offered: bool,
    /// The product's sequence.
    pub version: i64,
}

/// A product's stock record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// The record.
    pub inventory_id: Uuid,
    /// How many units.
    pub quantities: Quantities,
    /// The record's sequence.
    pub version: i64,
}

impl Product {
    /// What the table shows, unless it is unseen or gone.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        match &self.catalogue {
            Catalogue::Listed(listing) => Some(listing),
            Catalogue::Unseen | Catalogue::Gone { .. } => None,
        }
    }

    /// Units that no order holds.
    #[must_use]
    pub fn free(&self) -> i64 {
        self.stock
            .as_ref()
            .map_or(0, |stock| stock.quantities.free())
    }

    /// Whether it is offered and at least one unit is free.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.free() > 0 && self.listing().is_some_and(|listing| listing.offered)
    }

    fn unseen(product_id: Uuid) -> Self {
        Self {
            product_id,
            catalogue: Catalogue::Unseen,
            stock: None,
        }
    }
}

/// Folds one event of the product or of its stock record.
pub fn fold(product: &mut Option<Product>, event: &Published) -> Result<(), Refused> {
    match &event.message {
        Message::Product(message) => fold_catalogue(product, message, event),
        Message::Inventory(message) => fold_stock(product, message, event),
        Message::Order(_) | Message::User(_) | Message::Payment(_) => Ok(()),
    }
}

fn fold_catalogue(
    product: &mut Option<Product>,
    message: &ProductEvent,
    event: &Published,
) -> Result<(), Refused> {
    let version = match product.as_ref().map(|product| &product.catalogue) {
        None | Some(Catalogue::Unseen) => 0,
        Some(Catalogue::Listed(listing)) => listing.version,
        Some(Catalogue::Gone { version }) => *version,
    };
    if !is_next(version, event)? {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "a product event");
    let change = message.event.as_ref().ok_or_else(unreadable)?;
    let catalogue = &mut product
        .get_or_insert_with(|| Product::unseen(event.aggregate_id))
        .catalogue;
    match (&mut *catalogue, change) {
        (Catalogue::Unseen, Event::Created(created)) => {
            *catalogue = Catalogue::Listed(Listing {
                id: event.position,
                name: created.name.clone(),
                description: created.description.clone(),
                price_minor: created.price_minor,
                currency: created.currency.clone(),
                offered: created.offered,
                version: event.sequence,
            });
        }
        (Catalogue::Unseen, Event::Changed(_) | Event::Deleted(_)) => {
            return Err(Refused::impossible(
                event,
                "a product that was never created",
            ));
        }
        (Catalogue::Listed(_), Event::Created(_)) => {
            return Err(Refused::impossible(event, "a product created twice"));
        }
        (Catalogue::Listed(listing), Event::Changed(changed)) => {
            *listing = Listing {
                id: listing.id,
                name: changed.name.clone(),
                description: changed.description.clone(),
                price_minor: changed.price_minor,
                currency: changed.currency.clone(),
                offered: changed.offered,
                version: event.sequence,
            };
        }
        (Catalogue::Listed(_) | Catalogue::Gone { .. }, Event::Deleted(_))
        | (Catalogue::Gone { .. }, Event::Created(_) | Event::Changed(_)) => {
            *catalogue = Catalogue::Gone {
                version: event.sequence,
            };
        }
    }
    Ok(())
}

fn fold_stock(
    product: &mut Option<Product>,
    message: &InventoryEvent,
    event: &Published,
) -> Result<(), Refused> {
    use inventory_event::Event;

    let stock = product.as_mut().and_then(|product| product.stock.as_mut());
    if !is_next(stock.as_ref().map_or(0, |stock| stock.version), event)? {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "an inventory event");
    match (stock, message.event.as_ref().ok_or_else(unreadable)?) {
        (None, Event::Opened(opened)) => {
            let product_id = projection::id(event, &opened.product_id, "a product's id")?;
            let product = product.get_or_insert_with(|| Product::unseen(product_id));
            product.stock = Some(Stock {
                inventory_id: event.aggregate_id,
                quantities: Quantities::opened(opened.stock_level),
                version: event.sequence,
            });
        }
        (None, _) => return Err(Refused::impossible(event, "stock that was never opened")),
        (Some(stock), change) => {
            stock.quantities.change(change, event)?;
            stock.version = event.sequence;
        }
    }
    Ok(())
}

impl Projection for Products {
    fn name(&self) -> &'static str {
        "product"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["product", "product_aside"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.product
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Product, Topic::Inventory]
    }

    fn concerns(&self, message: &Message) -> bool {
        matches!(message, Message::Product(_) | Message::Inventory(_))
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut touched = tables::load(connection, events).await?;
            for event in events {
                fold(touched.by(event)?, event)?;
            }
            Ok(tables::store(connection, &touched).await?)
        })
    }
}
