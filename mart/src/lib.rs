//! Online Mart as a library, so that tests can start a whole shop.

pub mod audit;
mod bar;
pub mod cli;
pub mod config;
pub mod databases;
mod errand;
mod health;
pub mod health_check;
mod mails;
pub mod mirror;
mod pools;
pub mod ports;
pub mod projections;
pub mod rebuild;
pub mod roles;
mod running;
mod say;
mod seal;
mod secret_key;
pub mod shutdown;
pub mod start;
pub mod user;
pub mod verify;
pub mod waiting;

pub use databases::DatabaseNames;
pub use roles::Role;
pub use say::say;
pub use start::{RunningShop, Shop};
