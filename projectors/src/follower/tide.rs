//! When a projection has seen all that was mirrored, and when the mirror itself is behind: decided from what was seen.

use std::time::Duration;

use proto::Topic;
use tokio::time::Instant;

use super::lookout::Seen;
use crate::checkpoint::Place;
use crate::mirror::Partitions;

/// After so long, what was mirrored and has not come is taken from the store: its record was lost, or its partition
/// belongs to a member that does not do anything.
pub(crate) const MISSING: Duration = Duration::from_secs(3);
/// After so long, what has not even been mirrored is taken from the store.
pub(crate) const BEHIND: Duration = Duration::from_secs(10);
/// A mirror that needs no longer than this for the log's head is followed.
const LIVE: Duration = Duration::from_secs(1);

/// The mirror as it once was, until every partition of the projection has come that far.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub position: i64,
    pub partitions: Partitions,
    taken: Instant,
    reached: Option<Instant>,
}

impl Snapshot {
    /// Of what concerns these topics; none where it tells nothing new.
    pub(crate) fn take(seen: &Seen, place: &Place, topics: &[Topic]) -> Option<Self> {
        let partitions = seen.partitions.of_topics(topics);
        let news = seen.position > place.position && same_listing(&partitions, &place.partitions);
        news.then(|| Self {
            position: seen.position,
            partitions,
            taken: Instant::now(),
            reached: None,
        })
    }

    /// Notes whether the projection has come that far.
    pub(crate) fn compare(&mut self, place: &Place) {
        let reached = |(topic, partition, entry): (Topic, i32, i64)| {
            place
                .of(topic, partition)
                .is_some_and(|applied| applied >= entry)
        };
        if self.reached.is_none() && self.partitions.iter().all(reached) {
            self.reached = Some(Instant::now());
        }
    }

    /// Whether the projection may be said to have applied everything up to `position`: it has come that far, and what was
    /// seen afterwards shows that the partitions were still the same. (Records of topics that were made anew with another
    /// number of partitions may have been taken for records of these until then.)
    pub(crate) fn is_reached(&self, seen: &Seen, topics: &[Topic]) -> bool {
        self.reached.is_some_and(|reached| reached < seen.since)
            && same_listing(&seen.partitions.of_topics(topics), &self.partitions)
    }

    /// Whether it has come that far.
    pub(crate) fn has_come(&self) -> bool {
        self.reached.is_some()
    }

    /// Whether something must be missing.
    pub(crate) fn is_overdue(&self) -> bool {
        self.reached.is_none() && self.taken.elapsed() >= MISSING
    }
}

/// The log's head as it once was: how long it takes until somebody has come that far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    head: i64,
    since: Instant,
}

impl Mark {
    pub(crate) fn new(head: i64) -> Self {
        let since = Instant::now();
        Self { head, since }
    }

    /// Whether a projection that is at `position` has been behind for so long that it should read the log itself.
    pub(crate) fn is_behind(&mut self, position: i64, head: i64) -> bool {
        if position >= self.head {
            *self = Self::new(head);
        }
        self.since.elapsed() >= BEHIND
    }

    /// Whether the mirror has come that far in good time.
    pub(crate) fn is_live(&mut self, mirrored: i64, head: i64) -> bool {
        let live = mirrored >= self.head;
        if live || self.since.elapsed() >= LIVE {
            *self = Self::new(head);
        }
        live
    }
}

/// Whether both list the same partitions.
pub(crate) fn same_listing(one: &Partitions, other: &Partitions) -> bool {
    let names = |(topic, partition, _): (Topic, i32, i64)| (topic, partition);
    one.iter().map(names).eq(other.iter().map(names))
}

#[cfg(test)]
mod tests;
