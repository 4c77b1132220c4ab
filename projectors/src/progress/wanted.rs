use proto::Topic;
use uuid::Uuid;

use crate::mirror::Partitions;

/// What a reader must be shown: all that the log holds up to a position, or, where they are known, these streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    position: i64,
    streams: Vec<(Topic, Uuid, i64)>,
}

impl Wanted {
    /// Events of these aggregates, on their context's topic, each up to a position: all that matters of the log up to
    /// `position`. None listed: which ones matter is not known.
    #[must_use]
    pub fn of(position: i64, streams: impl IntoIterator<Item = (Topic, Uuid, i64)>) -> Self {
        Self {
            position,
            streams: streams.into_iter().collect(),
        }
    }

    /// Whether a projection that follows `topics` shows it, when it has applied the log up to `position` and besides
    /// each of the `partitions` up to its entry.
    pub(super) fn is_shown(
        &self,
        topics: &[Topic],
        position: i64,
        partitions: &Partitions,
    ) -> bool {
        if position >= self.position {
            return true;
        }
        // Streams are told by the context's topic: of a projection that follows another one they say nothing.
        let told = |topic: &Topic| *topic == topic.context();
        if self.streams.is_empty() || !topics.iter().all(told) {
            return false;
        }
        let mut followed = self
            .streams
            .iter()
            .filter(|(topic, ..)| topics.contains(topic));
        followed.all(|&(topic, key, last)| {
            position.max(partitions.of_key(topic, key).unwrap_or(0)) >= last
        })
    }
}

impl From<i64> for Wanted {
    /// All that the log holds up to this position.
    fn from(position: i64) -> Self {
        Self::of(position, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Uuid = Uuid::from_u128(7);
    const STOCK: Uuid = Uuid::from_u128(8);
    const ORDERS: &[Topic] = &[Topic::Order];
    const PRODUCTS: &[Topic] = &[Topic::Product, Topic::Inventory];
    const MAILS: &[Topic] = &[Topic::UserRegistration, Topic::OrderCreated];

    /// Three partitions of each context's topic, of which that of `key` has been applied up to `position`.
    fn applied(topic: Topic, key: Uuid, position: i64) -> Partitions {
        let counts = Topic::ALL.map(|topic| (topic, 3));
        let mut partitions = Partitions::empty(counts);
        let partition = partitions.partition_of(topic, key).expect("it is listed");
        partitions.set(topic, partition, position);
        partitions
    }

    fn placed() -> Wanted {
        Wanted::of(
            42,
            [(Topic::Order, ORDER, 41), (Topic::Inventory, STOCK, 42)],
        )
    }

    #[test]
    fn whoever_has_applied_the_whole_log_shows_it() {
        for topics in [ORDERS, PRODUCTS, MAILS] {
            for wanted in [placed(), Wanted::from(42)] {
                assert!(wanted.is_shown(topics, 42, &Partitions::default()));
                assert!(!wanted.is_shown(topics, 40, &Partitions::default()));
            }
        }
    }

    #[test]
    fn whoever_has_applied_the_streams_that_it_follows_shows_it_too() {
        let partitions = applied(Topic::Order, ORDER, 41);
        assert!(placed().is_shown(ORDERS, 3, &partitions));
        assert!(
            !placed().is_shown(PRODUCTS, 3, &partitions),
            "stock is missing"
        );
        let partitions = applied(Topic::Inventory, STOCK, 42);
        assert!(placed().is_shown(PRODUCTS, 3, &partitions));
        assert!(
            placed().is_shown(&[Topic::Payment], 0, &partitions),
            "nothing of it"
        );
        let partitions = applied(Topic::Order, ORDER, 40);
        assert!(!placed().is_shown(ORDERS, 3, &partitions), "not far enough");
        assert!(
            placed().is_shown(ORDERS, 41, &partitions),
            "both ways count"
        );
    }

    #[test]
    fn where_streams_are_not_known_partitions_say_nothing() {
        let mut partitions = applied(Topic::Order, ORDER, 99);
        partitions.set(Topic::OrderCreated, 0, 99);
        assert!(!Wanted::from(42).is_shown(ORDERS, 3, &partitions));
        assert!(!placed().is_shown(MAILS, 3, &partitions), "other topics");
        assert!(
            !placed().is_shown(ORDERS, 3, &Partitions::default()),
            "none listed"
        );
    }
}
