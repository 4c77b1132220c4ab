//! The log as Kafka carries it: records, partitions, topics, and the clients' settings.

mod partition;
mod partitions;

pub use partition::partition_of;
pub use partitions::Partitions;
