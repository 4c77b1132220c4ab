//! What is to be done with a batch of records, as a function of how far the projection is.

use std::sync::Arc;

use event_store::Published;
use proto::Topic;

use crate::checkpoint::Place;
use crate::mirror::{Partitions, partition_of};

/// A record that could be read.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub topic: Topic,
    pub partition: i32,
    pub offset: i64,
    /// Position of the record before it in its partition; 0: it is the first.
    pub previous: i64,
    pub event: Arc<Published>,
}

/// What is to be done with a batch.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// A record is missing before one of these: everything up to here has to come from the store first. What else the
    /// plan says is not to be done then.
    pub gap: Option<i64>,
    /// To be applied: not seen before, in order within each partition.
    pub records: Vec<Record>,
    /// Up to where each partition is applied then.
    pub moves: Partitions,
    /// One of them is in a partition that the key would not go to, were there as many as are listed: of it nothing can
    /// be told, so it is left out.
    pub misplaced: Option<(Topic, i32)>,
}

impl Plan {
    /// For records of any partitions, in order within each.
    pub(crate) fn of(place: &Place, records: &[Record]) -> Self {
        let mut plan = Self::default();
        for record in records {
            let (topic, partition) = (record.topic, record.partition);
            let count = place.partitions.count(topic);
            let Some(standing) = place.of(topic, partition).filter(|_| {
                count > 0 && partition_of(record.event.aggregate_id, count) == partition
            }) else {
                plan.misplaced = Some((topic, partition));
                continue;
            };
            let applied = plan.moves.get(topic, partition).unwrap_or(standing);
            if record.event.position <= applied {
                continue;
            }
            if record.previous > applied {
                plan.gap = plan.gap.max(Some(record.previous));
            }
            plan.moves.set(topic, partition, record.event.position);
            plan.records.push(record.clone());
        }
        plan
    }
}

#[cfg(test)]
mod tests;
