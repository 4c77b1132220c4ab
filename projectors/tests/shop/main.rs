//! Is nothing lost, doubled or out of order, and is each mail sent once?

mod asyncapi;
mod borders;
mod databases;
mod day;
mod folds;
mod following;
mod golden;
mod leases;
mod losses;
mod mailing;
mod messages;
mod notifying;
mod orders_between;
mod post;
mod recorded;
mod smtp;
mod told;
mod whose;
