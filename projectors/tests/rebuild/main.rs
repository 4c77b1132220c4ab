//! Are tables made anew beside the live ones, and switched without anyone noticing?

mod copies;
#[path = "../shop/databases.rs"]
mod databases;
mod equal;
mod history;
mod interrupted;
mod mails;
mod noticed;
mod previous;
#[path = "../shop/projecting.rs"]
mod projecting;
#[path = "../shop/recorded.rs"]
mod recorded;
mod running;
mod started;
