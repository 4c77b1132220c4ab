//! Does the whole shop do what it promises to the outside? Real ports, real databases, real HTTP.

mod audit;
mod cli;
mod crash;
mod customer;
mod databases;
mod every_port;
mod house;
mod keys;
mod layers;
mod notifications;
mod orders;
mod own_writes;
mod parts;
mod payments;
mod prices;
mod products;
mod program;
mod races;
#[path = "../common/readme.rs"]
mod readme;
#[path = "../common/shell.rs"]
mod shell;
mod stock;
mod users;
mod walkthrough;
