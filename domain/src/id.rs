//! Ids: UUIDs that know whose they are. They are made outside (UUIDv7); only the two that follow from another id are
//! made here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::AggregateId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl AggregateId for $name {}
    )*};
}

id! {
    /// A product of the catalogue.
    ProductId
    /// A product's stock record: one for each product.
    StockId
    /// An order.
    OrderId
    /// An order's payment: one for each order.
    PaymentId
    /// An account, and the person behind it.
    UserId
    /// A login.
    SessionId
    /// A claimed name.
    ClaimId
    /// One asking of the gateway; its idempotency key.
    AttemptId
}

const STOCK: Uuid = Uuid::from_u128(0x6f1c_9a52_3d0e_4b7a_9c41_57e2_08bd_a613);
const PAYMENT: Uuid = Uuid::from_u128(0xc27b_40e8_915f_4d36_b8a0_1ef4_6a9d_752c);

impl StockId {
    /// The one stock record of this product.
    #[must_use]
    pub fn of(product: ProductId) -> Self {
        Self(Uuid::new_v5(&STOCK, product.0.as_bytes()))
    }
}

impl PaymentId {
    /// The one payment of this order.
    #[must_use]
    pub fn of(order: OrderId) -> Self {
        Self(Uuid::new_v5(&PAYMENT, order.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
