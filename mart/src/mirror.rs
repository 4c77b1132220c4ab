//! The Kafka mirror, as the settings want it, and the operator's errands with it.

use anyhow::Context;
use clap::Args;
use event_store::Log;
use indicatif::{ProgressBar, ProgressStyle};
use projectors::{
    mirror::Kafka,
    relay::{self, Republished},
};
use service::{Settings, settings::SettingError};
use tokio_util::sync::CancellationToken;

use crate::{
    databases::{STOPPING, Servers},
    errand,
};

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
    let servers = errand::servers(settings).await?;
    let republished = publish(settings, &servers, &kafka, what.from, signalled).await;
    let stopped = servers.stop(STOPPING).await;
    let republished = republished.context("can't publish the log again")?;
    stopped?;
    Ok(republished)
}

async fn publish(
    settings: &Settings,
    servers: &Servers,
    kafka: &Kafka,
    from: i64,
    signalled: &CancellationToken,
) -> anyhow::Result<Republished> {
    let log = Log::open(servers.event_store(settings).await?);
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {pos} of {len} events, {per_sec}, {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let events = |position: i64| u64::try_from(position - from).unwrap_or(0);
    let progress = |republished: Republished| {
        bar.set_length(events(republished.head));
        bar.set_position(events(republished.position));
    };
    let republished = relay::republish(&log, kafka, from, progress, signalled).await;
    bar.finish_and_clear();
    republished
}
