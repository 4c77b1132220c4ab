//! The rules of the shop. One file per aggregate tells its whole story: commands are wishes, events facts, refusals
//! words of the business. Nothing here does I/O, reads a clock, rolls dice, waits or counts in floats.
#![deny(clippy::float_arithmetic)]

mod aggregate;
mod secret;

pub mod account;
pub mod card;
pub mod claim;
pub mod id;
pub mod money;
pub mod name;
pub mod order;
pub mod password;
pub mod payment;
pub mod product;
pub mod quantity;
pub mod session;
pub mod stock;
pub mod text;

#[cfg(test)]
mod testing;

pub use account::Account;
pub use aggregate::{Aggregate, AggregateId, Event};
pub use claim::Claim;
pub use order::Order;
pub use payment::Payment;
pub use product::Product;
pub use session::Session;
pub use stock::Stock;
