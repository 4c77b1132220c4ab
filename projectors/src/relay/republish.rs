//! Fills the topics anew from the log: the same ids, keys and bytes, in the same partitions.

use anyhow::{Context as _, Result, bail, ensure};
use event_store::Log;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::leader::{End, Leader};
use super::lease::Lease;
use super::row::{self, Mirrored};
use super::{Pace, RelayState, holder};
use crate::mirror::topics::Topics;
use crate::mirror::{Kafka, Partitions};

/// Events that one read fetches.
const PAGE: i64 = 2_000;

/// How far republishing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Republished {
    /// Kafka has acknowledged everything up to here.
    pub position: i64,
    /// The log's end when it began.
    pub head: i64,
}

/// Publishes the log once more from just after `from`, or from where the mirror is where that is earlier, up to the log's
/// end as it is now. The relay that leads is replaced meanwhile; afterwards, also when this fails, one goes on from where
/// this ended. Topics that are missing are created; what others still hold is left, so delete those that are to be
/// filled anew.
pub async fn republish(
    log: &Log,
    kafka: &Kafka,
    from: i64,
    mut progress: impl FnMut(Republished) + Send,
    shutdown: &CancellationToken,
) -> Result<Republished> {
    let head = log.head().await?;
    ensure!(
        (0..=head).contains(&from),
        "there is no position {from}: the log ends at {head}"
    );
    let topics = Topics::of(kafka)?;
    let counts = topics.ensure().await;
    let counts = counts.with_context(|| format!("Kafka at {} is needed", kafka.brokers))?;
    // What no relay has published yet is not left out.
    let from = from.min(row::mirrored(log.pool()).await?.position);
    let mut mirrored = Mirrored {
        position: from,
        partitions: ends(log, Partitions::empty(counts), from).await?,
    };
    let pace = Pace::default();
    let lease = Lease::seize(log.pool(), &holder(), pace, &mirrored).await?;
    let (state, _) = watch::channel(RelayState::Leading);
    let mut leader = Leader {
        log,
        kafka,
        topics: &topics,
        lease: &lease,
        silence: pace.silence,
        state: &state,
        until: Some(head),
        told_empty: proto::Topic::ALL.to_vec(),
    };
    let mut told = |position| progress(Republished { position, head });
    let end = leader.lead(&mut mirrored, shutdown, &mut told).await;
    let position = mirrored.position;
    match end {
        Ok(End::Reached | End::Shutdown) => lease.release().await,
        Ok(End::Deposed) => bail!("another relay took the lease at position {position}"),
        Err(error) => {
            lease.release().await;
            return Err(error.context(format!("republished up to position {position} of {head}")));
        }
    }
    Ok(Republished { position, head })
}

/// The last position of each of these partitions up to `through`.
async fn ends(log: &Log, mut partitions: Partitions, through: i64) -> Result<Partitions> {
    let mut after = 0;
    while after < through {
        let page = log.read(after, PAGE.min(through - after)).await?;
        ensure!(page.through > after, "the log ends at {after}");
        for event in &page.events {
            for topic in event.message.topics() {
                if let Some(partition) = partitions.partition_of(topic, event.aggregate_id) {
                    partitions.set(topic, partition, event.position);
                }
            }
        }
        after = page.through;
    }
    Ok(partitions)
}
