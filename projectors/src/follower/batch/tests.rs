use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::Index;
use proto::Message;
use proto::order::v1::OrderEvent;
use uuid::Uuid;

use super::*;

const COUNT: i32 = 3;

/// The record at this position: its aggregate is the position modulo 5, so that partitions share the log unevenly.
fn record(position: i64, previous: i64) -> Record {
    let aggregate_id = Uuid::from_u128(u128::from(position.unsigned_abs()) % 5);
    Record {
        topic: Topic::Order,
        partition: partition_of(aggregate_id, COUNT),
        offset: position,
        previous,
        event: Arc::new(Published {
            position,
            event_id: Uuid::from_u128(u128::from(position.unsigned_abs())),
            aggregate_id,
            sequence: 1,
            recorded_at: DateTime::UNIX_EPOCH,
            actor: String::new(),
            correlation_id: String::new(),
            traceparent: String::new(),
            message: Message::Order(OrderEvent { event: None }),
        }),
    }
}

/// A topic's records, positions 1 to `events`.
fn topic(events: i64) -> Vec<Record> {
    let mut last = [0; COUNT as usize];
    let chain = |position| {
        let mut record = record(position, 0);
        let last = &mut last[usize::try_from(record.partition).expect("small")];
        record.previous = std::mem::replace(last, position);
        record
    };
    (1..=events).map(chain).collect()
}

fn empty() -> Place {
    Place {
        partitions: Partitions::empty([(Topic::Order, COUNT)]),
        ..Place::default()
    }
}

/// What a follower does with batches, on a set of positions in place of tables.
struct Follower {
    place: Place,
    applied: BTreeSet<i64>,
}

impl Follower {
    fn take(&mut self, batch: &[Record]) {
        let mut plan = Plan::of(&self.place, batch);
        if let Some(gap) = plan.gap {
            self.applied.extend(self.place.position + 1..=gap);
            self.place.position = gap;
            plan = Plan::of(&self.place, batch);
        }
        assert_eq!(plan.gap, None, "what was filled is missing no more");
        for record in &plan.records {
            self.applied.insert(record.event.position);
        }
        for (topic, partition, entry) in plan.moves.iter() {
            self.place.partitions.set(topic, partition, entry);
        }
    }

    /// Everything that is said to be applied is.
    fn check(&self, topic: &[Record]) {
        for record in topic {
            let said = self.place.of(record.topic, record.partition);
            let is_said = said.is_some_and(|to| record.event.position <= to);
            let is_applied = self.applied.contains(&record.event.position);
            assert!(
                is_applied || !is_said,
                "{} is missing",
                record.event.position
            );
        }
    }
}

#[test]
fn a_record_is_applied_once() {
    let topic = topic(6);
    let plan = Plan::of(&empty(), &[topic.clone(), topic.clone()].concat());
    assert_eq!((plan.gap, plan.records.len()), (None, 6));
    let place = Place {
        partitions: plan.moves,
        ..Place::default()
    };
    assert!(Plan::of(&place, &topic).records.is_empty());
}

#[test]
fn a_record_that_the_log_has_told_already_is_skipped() {
    let place = Place {
        position: 4,
        ..empty()
    };
    let positions = |plan: &Plan| -> Vec<_> { plan.records.iter().map(|r| r.offset).collect() };
    assert_eq!(positions(&Plan::of(&place, &topic(6))), [5, 6]);
}

#[test]
fn a_missing_record_is_noticed_by_the_next_of_its_partition() {
    let mut topic = topic(11);
    let lost = topic.remove(5);
    let plan = Plan::of(&empty(), &topic);
    assert_eq!(plan.gap, Some(lost.event.position));
}

#[test]
fn a_record_of_other_partitions_is_left_out() {
    let mut stranger = record(1, 0);
    stranger.partition = (stranger.partition + 1) % COUNT;
    let plan = Plan::of(&empty(), &[stranger.clone()]);
    assert_eq!(plan.misplaced, Some((Topic::Order, stranger.partition)));
    assert!(plan.records.is_empty() && plan.moves.is_empty());
    let plan = Plan::of(&Place::default(), &[record(1, 0)]);
    assert!(plan.misplaced.is_some() && plan.moves.is_empty());
}

proptest! {
    /// Records are lost, come again from any offset, in batches of any size: what is said to be applied is, and once the
    /// last record of each partition has come, all is.
    #[test]
    fn whatever_is_lost_or_comes_again_nothing_is_skipped(
        events in 1..60_i64,
        lost in prop::collection::vec(any::<Index>(), 0..20),
        restarts in prop::collection::vec((any::<Index>(), 1..15_usize), 0..12),
    ) {
        let topic = topic(events);
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(topic.len())).collect();
        let last_of = |record: &Record| topic.iter().rfind(|r| r.partition == record.partition);
        let is_last = |record: &Record| last_of(record).is_some_and(|last| last.offset == record.offset);
        let kept = |(number, record): (usize, &Record)| {
            (!lost.contains(&number) || is_last(record)).then(|| record.clone())
        };
        let on_wire: Vec<_> = topic.iter().enumerate().filter_map(kept).collect();
        let mut follower = Follower { place: empty(), applied: BTreeSet::new() };
        for (from, count) in restarts {
            let from = from.index(on_wire.len());
            follower.take(&on_wire[from..on_wire.len().min(from + count)]);
            follower.check(&topic);
        }
        for batch in on_wire.chunks(7) {
            follower.take(batch);
            follower.check(&topic);
        }
        prop_assert!((1..=events).all(|position| follower.applied.contains(&position)));
    }
}
