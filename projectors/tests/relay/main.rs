//! Is every event mirrored, in order, by one relay at a time, whatever happens to it and to Kafka?
//!
//! Kafka is the client library's own imitation here, inside the test's process.

mod away;
mod cluster;
mod leadership;
mod mirrored;
#[path = "../shop/recorded.rs"]
mod recorded;
mod republished;
mod running;
