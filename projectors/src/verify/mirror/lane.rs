//! What must be in one partition, and what of it was there.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};

use rdkafka::Message;
use rdkafka::message::Headers as _;
use uuid::Uuid;

use crate::mirror::Record;

/// Digests of what records say, but for the position before theirs.
pub(super) struct Digests {
    state: RandomState,
    log: Uuid,
}

impl Digests {
    pub(super) fn new(log: Uuid) -> Self {
        let state = RandomState::new();
        Self { state, log }
    }

    pub(super) fn log(&self) -> Uuid {
        self.log
    }

    pub(super) fn of_record(&self, record: &Record) -> u64 {
        let headers = record.headers("");
        let headers = headers.iter().map(|(name, value)| (*name, Some(*value)));
        let (key, value) = (Some(record.key()), Some(record.value()));
        self.digest(key, value, Some(record.timestamp()), headers)
    }

    pub(super) fn of_message(&self, message: &impl Message) -> u64 {
        let headers = message.headers();
        let headers = headers.iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|header| (header.key, header.value));
        let timestamp = message.timestamp().to_millis();
        self.digest(message.key(), message.payload(), timestamp, headers)
    }

    fn digest<'a>(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Option<i64>,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> u64 {
        let mut hasher = self.state.build_hasher();
        (key, value, timestamp).hash(&mut hasher);
        for header in headers.filter(|(name, _)| *name != "previous") {
            header.hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// A partition's records as they must be, and which of them were there.
#[derive(Default)]
pub(super) struct Lane {
    expected: Vec<Expected>,
    seen: Vec<bool>,
    /// The one that came last.
    last: Option<usize>,
    /// The furthest one that came.
    furthest: Option<usize>,
}

struct Expected {
    position: i64,
    digest: u64,
}

/// What is wrong with a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No event of this position belongs here.
    Unexpected,
    /// It does not say what the event says.
    Changed,
    /// It names another one before it than this.
    Chain(i64),
    /// It follows this one, but others that were there before belong between them.
    Order(i64),
}

/// Records that are not there, one after another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub first: i64,
    pub last: i64,
    pub count: usize,
}

impl Lane {
    /// The next one that must be there.
    pub(super) fn expect(&mut self, position: i64, digest: u64) {
        self.expected.push(Expected { position, digest });
        self.seen.push(false);
    }

    /// How many must be there.
    pub(super) fn len(&self) -> i64 {
        i64::try_from(self.expected.len()).unwrap_or(i64::MAX)
    }

    /// The next record that is there. It may have been there before: what a relay can't say for sure it says again, from
    /// some place on.
    pub(super) fn take(&mut self, position: i64, previous: i64, digest: u64) -> Vec<Wrong> {
        let place = self
            .expected
            .binary_search_by_key(&position, |e| e.position);
        let Ok(index) = place else {
            return vec![Wrong::Unexpected];
        };
        let mut wrong = Vec::new();
        if self.expected[index].digest != digest {
            wrong.push(Wrong::Changed);
        }
        let before = index
            .checked_sub(1)
            .map_or(0, |i| self.expected[i].position);
        // A topic that was made anew begins wherever the relay was.
        let begins = self.last.is_none() && (before..position).contains(&previous);
        if previous != before && !begins {
            wrong.push(Wrong::Chain(before));
        }
        let next = self.last.map_or(0, |last| last + 1);
        if index > next && self.seen[next..index].contains(&true) {
            let last = self.last.map_or(0, |last| self.expected[last].position);
            wrong.push(Wrong::Order(last));
        }
        self.seen[index] = true;
        self.last = Some(index);
        self.furthest = self.furthest.max(Some(index));
        wrong
    }

    /// The position of the last record, where it is not the furthest one: others belong after it.
    pub(super) fn ends_early(&self) -> Option<i64> {
        let last = self.last.filter(|_| self.last != self.furthest)?;
        Some(self.expected[last].position)
    }

    /// What is not there.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::<Gap>::new();
        let mut before = true;
        for (expected, seen) in self.expected.iter().zip(&self.seen) {
            match gaps.last_mut() {
                _ if *seen => {}
                Some(gap) if !before => {
                    gap.last = expected.position;
                    gap.count += 1;
                }
                _ => gaps.push(Gap {
                    first: expected.position,
                    last: expected.position,
                    count: 1,
                }),
            }
            before = *seen;
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A partition that must hold positions 10, 20, 30 and 40, after these have come, each with the one before it.
    fn after(positions: &[i64]) -> (Lane, Vec<Wrong>) {
        let mut lane = Lane::default();
        for position in [10, 20, 30, 40] {
            lane.expect(position, 0);
        }
        let mut wrong = Vec::new();
        for position in positions {
            wrong.extend(lane.take(*position, position - 10, 0));
        }
        (lane, wrong)
    }

    fn is_well(positions: &[i64]) -> bool {
        let (lane, wrong) = after(positions);
        wrong.is_empty() && lane.gaps().is_empty() && lane.ends_early().is_none()
    }

    #[test]
    fn what_is_said_again_from_some_place_on_is_well() {
        assert!(is_well(&[10, 20, 30, 40]));
        assert!(is_well(&[10, 20, 30, 20, 30, 40]));
        assert!(is_well(&[10, 20, 30, 40, 10, 20, 30, 40]));
    }

    #[test]
    fn what_was_missing_and_came_when_all_was_said_again_is_not_missing() {
        assert!(is_well(&[10, 20, 40, 10, 20, 30, 40]));
    }

    #[test]
    fn what_never_came_is_missing() {
        let (lane, wrong) = after(&[10, 40]);
        assert_eq!(wrong, []);
        let gap = Gap {
            first: 20,
            last: 30,
            count: 2,
        };
        assert_eq!(lane.gaps(), [gap]);
        assert_eq!(after(&[20, 30]).0.gaps().len(), 2);
    }

    #[test]
    fn records_that_changed_places_are_found() {
        assert_eq!(after(&[10, 30, 20, 40]).1, [Wrong::Order(20)]);
        assert_eq!(after(&[10, 20, 40, 30]).0.ends_early(), Some(30));
    }

    #[test]
    fn a_record_must_name_the_one_before_it_unless_the_topic_begins_there() {
        let (mut lane, _) = after(&[10, 20]);
        assert_eq!(lane.take(30, 10, 0), [Wrong::Chain(20)]);
        let (mut lane, _) = after(&[]);
        assert_eq!(lane.take(30, 25, 0), []);
        assert_eq!(lane.take(40, 35, 0), [Wrong::Chain(30)]);
    }

    #[test]
    fn what_is_not_the_events_or_of_none_is_found() {
        let (mut lane, _) = after(&[10]);
        assert_eq!(lane.take(20, 10, 1), [Wrong::Changed]);
        assert_eq!(lane.take(25, 20, 0), [Wrong::Unexpected]);
    }
}
