//! Where messages are published: a topic per context, and those that tell the notification service what to write about.

use prost::Message as _;

use crate::{Message, inventory, order, payment, product, user};

/// A topic of the mirror. Its records are keyed by aggregate id and hold the protobuf of one context's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Topic {
    /// Every event of a product: `mart.product.v1.ProductEvent`.
    Product = 0,
    /// Every event of a stock record: `mart.inventory.v1.InventoryEvent`.
    Inventory = 1,
    /// Every event of an order: `mart.order.v1.OrderEvent`.
    Order = 2,
    /// Every published event of a user: `mart.user.v1.UserEvent`.
    User = 3,
    /// Every event of a payment: `mart.payment.v1.PaymentEvent`.
    Payment = 4,
    /// Registrations alone: `mart.user.v1.UserEvent`.
    UserRegistration = 5,
    /// Orders as they are placed: `mart.order.v1.OrderEvent`.
    OrderCreated = 6,
    /// Payments that succeeded: `mart.payment.v1.PaymentEvent`.
    PaymentDone = 7,
}

impl Topic {
    /// Every topic there is.
    pub const ALL: [Self; 8] = [
        Self::Product,
        Self::Inventory,
        Self::Order,
        Self::User,
        Self::Payment,
        Self::UserRegistration,
        Self::OrderCreated,
        Self::PaymentDone,
    ];

    /// As the broker knows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::User => "user",
            Self::Payment => "payment",
            Self::UserRegistration => "user_registration",
            Self::OrderCreated => "order_created",
            Self::PaymentDone => "payment_done",
        }
    }

    /// The topic of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// The topic of that number.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| *topic as u8 == number)
    }

    /// The context whose messages it carries, by the name of that context's own topic.
    #[must_use]
    pub fn context(self) -> Self {
        match self {
            Self::Product => Self::Product,
            Self::Inventory => Self::Inventory,
            Self::Order | Self::OrderCreated => Self::Order,
            Self::User | Self::UserRegistration => Self::User,
            Self::Payment | Self::PaymentDone => Self::Payment,
        }
    }

    /// The message in a record's value. An empty one is a message of a kind that this program does not know.
    pub fn decode(self, value: &[u8]) -> Result<Message, prost::DecodeError> {
        Ok(match self.context() {
            Self::Product => Message::Product(product::v1::ProductEvent::decode(value)?),
            Self::Inventory => Message::Inventory(inventory::v1::InventoryEvent::decode(value)?),
            Self::Order => Message::Order(order::v1::OrderEvent::decode(value)?),
            Self::User => Message::User(user::v1::UserEvent::decode(value)?),
            _ => Message::Payment(payment::v1::PaymentEvent::decode(value)?),
        })
    }
}
