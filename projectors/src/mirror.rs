//! The log as Kafka carries it: records, partitions, topics, and the clients' settings.

mod kafka;
mod partition;
mod partitions;
mod record;
pub mod topics;

pub use kafka::{GroupProtocol, Kafka, Quiet, aside, let_go};
pub use partition::partition_of;
pub use partitions::Partitions;
pub use record::{Record, Unreadable};
