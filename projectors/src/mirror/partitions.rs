//! One position per partition, as checkpoints keep it.

use std::collections::BTreeMap;

use proto::Topic;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::partition_of;

/// The last position of each partition; 0 where there is none yet. As JSON `{"order/0": 17, "order/1": 0}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions(BTreeMap<(Topic, i32), i64>);

impl Partitions {
    /// All partitions of these topics, with nothing in them.
    #[must_use]
    pub fn empty(counts: impl IntoIterator<Item = (Topic, i32)>) -> Self {
        let all = counts
            .into_iter()
            .flat_map(|(topic, count)| (0..count).map(move |partition| ((topic, partition), 0)));
        Self(all.collect())
    }

    /// Whether no partition is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last position of this partition.
    #[must_use]
    pub fn get(&self, topic: Topic, partition: i32) -> Option<i64> {
        self.0.get(&(topic, partition)).copied()
    }

    /// Sets it.
    pub fn set(&mut self, topic: Topic, partition: i32, position: i64) {
        self.0.insert((topic, partition), position);
    }

    /// How many partitions of this topic are listed.
    #[must_use]
    pub fn count(&self, topic: Topic) -> i32 {
        let listed = self.0.range((topic, 0)..=(topic, i32::MAX)).count();
        i32::try_from(listed).unwrap_or(i32::MAX)
    }

    /// The partition that this aggregate's records are in, where the topic's partitions are listed.
    #[must_use]
    pub fn partition_of(&self, topic: Topic, key: Uuid) -> Option<i32> {
        let count = self.count(topic);
        (count > 0).then(|| partition_of(key, count))
    }

    /// The last position of the partition that this aggregate's records are in, where the topic's partitions are listed.
    #[must_use]
    pub fn of_key(&self, topic: Topic, key: Uuid) -> Option<i64> {
        self.get(topic, self.partition_of(topic, key)?)
    }

    /// Every partition with its last position.
    pub fn iter(&self) -> impl Iterator<Item = (Topic, i32, i64)> {
        self.0
            .iter()
            .map(|(&(topic, partition), &position)| (topic, partition, position))
    }

    /// The last position of all; none where no partition is listed.
    pub(crate) fn furthest(&self) -> Option<i64> {
        self.0.values().copied().max()
    }

    /// Those of these topics alone.
    #[must_use]
    pub fn of_topics(&self, topics: &[Topic]) -> Self {
        let listed = self
            .0
            .iter()
            .filter(|((topic, _), _)| topics.contains(topic));
        Self(listed.map(|(key, position)| (*key, *position)).collect())
    }
}

impl Serialize for Partitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(topic, partition, position)| {
            (format!("{}/{partition}", topic.name()), position)
        }))
    }
}

impl<'de> Deserialize<'de> for Partitions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = BTreeMap::<String, i64>::deserialize(deserializer)?;
        let mut partitions = Self::default();
        for (name, position) in listed {
            let parsed = name.split_once('/').and_then(|(topic, partition)| {
                Some((Topic::named(topic)?, partition.parse().ok()?))
            });
            let (topic, partition) =
                parsed.ok_or_else(|| D::Error::custom(format!("{name} is no partition")))?;
            partitions.set(topic, partition, position);
        }
        Ok(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_same_after_json() {
        let mut partitions = Partitions::empty([(Topic::Order, 3), (Topic::UserRegistration, 1)]);
        partitions.set(Topic::Order, 2, 17);
        let json = serde_json::to_string(&partitions).expect("a map");
        assert_eq!(
            json,
            r#"{"order/0":0,"order/1":0,"order/2":17,"user_registration/0":0}"#
        );
        let back: Partitions = serde_json::from_str(&json).expect("our own JSON");
        assert_eq!(back, partitions);
        assert_eq!(back.count(Topic::Order), 3);
        assert_eq!(back.count(Topic::User), 0);
    }

    #[test]
    fn a_topic_that_is_not_listed_says_nothing_of_a_key() {
        let partitions = Partitions::empty([(Topic::Order, 3)]);
        let key = Uuid::from_u128(7);
        assert_eq!(partitions.of_key(Topic::Order, key), Some(0));
        assert_eq!(partitions.of_key(Topic::Payment, key), None);
    }

    #[test]
    fn what_is_no_partition_is_refused() {
        assert!(serde_json::from_str::<Partitions>(r#"{"orders/0":1}"#).is_err());
        assert!(serde_json::from_str::<Partitions>(r#"{"order":1}"#).is_err());
    }
}
