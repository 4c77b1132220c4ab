//! Every question, status by status, over the port's own router.

mod at;
mod audit;
mod databases;
mod diff;
mod export;
mod flat;
mod fresh;
mod history;
mod inventory;
mod me;
mod notifications;
mod openapi;
mod operator;
mod orders;
mod pages;
mod payments;
mod products;
mod proof;
mod rebuild;
mod told;
mod world;
