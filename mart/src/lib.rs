//! Online Mart as a library, so that tests can start a whole shop.

pub mod config;
pub mod databases;
mod errand;
mod health;
pub mod health_check;
mod mails;
pub mod mirror;
mod pools;
pub mod ports;
pub mod roles;
mod running;
mod secret_key;
pub mod shutdown;
pub mod start;
pub mod user;
pub mod waiting;

pub use databases::DatabaseNames;
pub use roles::Role;
pub use start::{RunningShop, Shop};
