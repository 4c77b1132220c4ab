//! The Kafka mirror, as the settings want it, and the operator's errands with it.

use anyhow::Context;
use clap::Args;
use event_store::Log;
use projectors::{
    mirror::Kafka,
    relay::{self, Republished},
};
use service::{Settings, settings::SettingError};
use tokio_util::sync::CancellationToken;

use crate::{bar, databases::Servers, errand};

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

/// What of the log is published again.
#[derive(Debug, Clone, Args)]
pub struct Republish {
    /// Only what comes after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub from: i64,
}

/// Publishes the log again, up to its end as it is now; the relay of a shop that runs pauses meanwhile. `signalled` cuts it
/// short.
pub async fn republish(
    settings: &Settings,
    what: &Republish,
    signalled: &CancellationToken,
) -> anyhow::Result<Republished> {
    let kafka = kafka(settings).ok_or_else(|| {
        let refusal = "must be given: it names the brokers that the log is mirrored to";
        SettingError::new("KAFKA_BROKERS", refusal)
    })?;
    errand::on_servers(settings, async |servers| {
        let republished = publish(settings, servers, &kafka, what.from, signalled).await;
        republished.context("can't publish the log again")
    })
    .await
}

async fn publish(
    settings: &Settings,
    servers: &Servers,
    kafka: &Kafka,
    from: i64,
    signalled: &CancellationToken,
) -> anyhow::Result<Republished> {
    let log = Log::open(servers.event_store(settings).await?);
    let bar = bar::events("mirror");
    let progress = |republished: Republished| {
        bar::show(&bar, republished.position - from, republished.head - from);
    };
    let republished = relay::republish(&log, kafka, from, progress, signalled).await;
    bar.finish_and_clear();
    republished
}
