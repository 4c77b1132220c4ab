//! A published event of any context.

use prost::Message as _;

use crate::Topic;
use crate::inventory::v1::{InventoryEvent, inventory_event};
use crate::order::v1::{OrderEvent, order_event};
use crate::payment::v1::{PaymentEvent, payment_event};
use crate::product::v1::{ProductEvent, product_event};
use crate::user::v1::{UserEvent, user_event};

/// A published event of any context.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Of a product.
    Product(ProductEvent),
    /// Of a stock record.
    Inventory(InventoryEvent),
    /// Of an order.
    Order(OrderEvent),
    /// Of a user.
    User(UserEvent),
    /// Of a payment.
    Payment(PaymentEvent),
}

impl Message {
    /// The topic of its context.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match self {
            Self::Product(_) => Topic::Product,
            Self::Inventory(_) => Topic::Inventory,
            Self::Order(_) => Topic::Order,
            Self::User(_) => Topic::User,
            Self::Payment(_) => Topic::Payment,
        }
    }

    /// Every topic that it is published on.
    pub fn topics(&self) -> impl Iterator<Item = Topic> + use<> {
        let beside = match self {
            Self::User(UserEvent {
                event: Some(user_event::Event::Registered(_)),
            }) => Some(Topic::UserRegistration),
            Self::Order(OrderEvent {
                event: Some(order_event::Event::Placed(_)),
            }) => Some(Topic::OrderCreated),
            Self::Payment(PaymentEvent {
                event: Some(payment_event::Event::Succeeded(_)),
            }) => Some(Topic::PaymentDone),
            _ => None,
        };
        std::iter::once(self.topic()).chain(beside)
    }

    /// The record's value, whichever topic it is on.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Product(event) => event.encode_to_vec(),
            Self::Inventory(event) => event.encode_to_vec(),
            Self::Order(event) => event.encode_to_vec(),
            Self::User(event) => event.encode_to_vec(),
            Self::Payment(event) => event.encode_to_vec(),
        }
    }

    /// The full name of what happened, such as `mart.order.v1.OrderPlaced`; `None` where no event is inside.
    #[must_use]
    pub fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Product(message) => match message.event.as_ref()? {
                product_event::Event::Created(_) => "mart.product.v1.ProductCreated",
                product_event::Event::Changed(_) => "mart.product.v1.ProductChanged",
                product_event::Event::Deleted(_) => "mart.product.v1.ProductDeleted",
            },
            Self::Inventory(message) => match message.event.as_ref()? {
                inventory_event::Event::Opened(_) => "mart.inventory.v1.StockOpened",
                inventory_event::Event::LevelSet(_) => "mart.inventory.v1.StockLevelSet",
                inventory_event::Event::Adjusted(_) => "mart.inventory.v1.StockAdjusted",
                inventory_event::Event::Reserved(_) => "mart.inventory.v1.StockReserved",
                inventory_event::Event::Released(_) => "mart.inventory.v1.StockReleased",
                inventory_event::Event::Committed(_) => "mart.inventory.v1.StockCommitted",
                inventory_event::Event::Retired(_) => "mart.inventory.v1.StockRetired",
            },
            Self::Order(message) => match message.event.as_ref()? {
                order_event::Event::Placed(_) => "mart.order.v1.OrderPlaced",
                order_event::Event::Changed(_) => "mart.order.v1.OrderChanged",
                order_event::Event::Cancelled(_) => "mart.order.v1.OrderCancelled",
                order_event::Event::PaymentStarted(_) => "mart.order.v1.OrderPaymentStarted",
                order_event::Event::PaymentFailed(_) => "mart.order.v1.OrderPaymentFailed",
                order_event::Event::Completed(_) => "mart.order.v1.OrderCompleted",
            },
            Self::User(message) => match message.event.as_ref()? {
                user_event::Event::Registered(_) => "mart.user.v1.UserRegistered",
                user_event::Event::RoleGranted(_) => "mart.user.v1.UserRoleGranted",
                user_event::Event::RoleRevoked(_) => "mart.user.v1.UserRoleRevoked",
            },
            Self::Payment(message) => match message.event.as_ref()? {
                payment_event::Event::Attempted(_) => "mart.payment.v1.PaymentAttempted",
                payment_event::Event::Succeeded(_) => "mart.payment.v1.PaymentSucceeded",
                payment_event::Event::Declined(_) => "mart.payment.v1.PaymentDeclined",
            },
        })
    }
}
