//! The Kafka mirror, as the settings want it, and the operator's errands with it.

use projectors::mirror::Kafka;
use service::Settings;

/// The Kafka that the settings name.
pub(crate) fn kafka(settings: &Settings) -> Option<Kafka> {
    let brokers = settings.kafka_brokers.as_ref()?;
    let mut kafka = Kafka::new(brokers);
    kafka.partitions = settings.kafka_partitions;
    if let Some(replication) = settings.kafka_replication {
        kafka.replication = replication;
    }
    Some(kafka)
}
