//! Every command route, status by status: what it answers and what it leaves in the log.

mod account;
mod bench;
mod gateway;
mod openapi;
mod order;
mod passwords;
mod payment;
mod price;
mod product;
mod races;
mod roles;
mod session;
mod settling;
mod stock;
