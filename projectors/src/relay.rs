//! Mirrors the log to Kafka. Of several relays one does, the one that holds the lease.

mod row;

pub use row::{Mirrored, mirrored};
