//! Is what differs from the log found, and nothing else?

#[path = "../shop/databases.rs"]
mod databases;
#[path = "../rebuild/history.rs"]
mod history;
mod kafka;
mod load;
mod mirror;
#[path = "../shop/projecting.rs"]
mod projecting;
#[path = "../shop/recorded.rs"]
mod recorded;
mod rows;
mod shop;
mod sums;
mod whose;
