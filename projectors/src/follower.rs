//! Following the log: the log itself, or its mirror in Kafka, where what is missing there comes from the log.

mod batch;
mod dead;
mod log;
mod lookout;
mod member;
mod mirror;
pub(crate) mod parked;
mod tables;
mod tide;

pub(crate) use log::follow_log;
pub(crate) use lookout::Lookout;
pub(crate) use mirror::follow_mirror;
