use super::*;

fn partitions(entries: [i64; 2]) -> Partitions {
    let mut partitions = Partitions::default();
    for (partition, entry) in (0..).zip(entries) {
        partitions.set(Topic::Order, partition, entry);
    }
    partitions
}

fn seen(position: i64, entries: [i64; 2]) -> Seen {
    Seen {
        since: Instant::now(),
        head: position,
        position,
        partitions: partitions(entries),
    }
}

/// So long before now.
fn ago(long: Duration) -> Instant {
    let then = Instant::now().checked_sub(long);
    then.expect("this machine was started before")
}

fn place(position: i64, entries: [i64; 2]) -> Place {
    Place {
        position,
        partitions: partitions(entries),
        parked: 0,
    }
}

#[test]
fn a_snapshot_is_reached_when_every_partition_is_there_and_somebody_has_looked_since() {
    let before = place(3, [3, 3]);
    let mut snapshot =
        Snapshot::take(&seen(9, [9, 8]), &before, &[Topic::Order]).expect("there is news");
    snapshot.compare(&place(3, [9, 7]));
    assert!(!snapshot.has_come());
    snapshot.compare(&place(3, [9, 8]));
    assert!(snapshot.has_come());
    let mut look = seen(12, [9, 12]);
    assert!(snapshot.is_reached(&look, &[Topic::Order]));
    look.partitions.set(Topic::Order, 2, 0);
    assert!(
        !snapshot.is_reached(&look, &[Topic::Order]),
        "the partitions are others"
    );
    look.partitions = partitions([9, 12]);
    look.since = snapshot.taken;
    assert!(
        !snapshot.is_reached(&look, &[Topic::Order]),
        "it was looked before"
    );
}

#[test]
fn what_does_not_come_is_missed_after_a_while() {
    let before = place(3, [3, 3]);
    let mut snapshot =
        Snapshot::take(&seen(9, [9, 8]), &before, &[Topic::Order]).expect("there is news");
    snapshot.compare(&place(3, [9, 3]));
    assert!(!snapshot.is_overdue());
    snapshot.taken = ago(MISSING);
    assert!(snapshot.is_overdue());
}

#[test]
fn nothing_is_concluded_from_other_partitions() {
    let mut three = partitions([9, 9]);
    three.set(Topic::Order, 2, 9);
    let other = Seen {
        partitions: three,
        ..seen(9, [0, 0])
    };
    assert!(Snapshot::take(&other, &place(3, [3, 3]), &[Topic::Order]).is_none());
}

#[test]
fn whoever_is_behind_the_head_for_long_reads_the_log() {
    let mut mark = Mark::new(5);
    assert!(!mark.is_behind(4, 9));
    mark.since = ago(BEHIND);
    assert!(!mark.is_behind(5, 9), "it moves on: 9 is next");
    assert!(!mark.is_behind(8, 20));
    mark.since = ago(BEHIND);
    assert!(mark.is_behind(8, 20));
}

#[test]
fn a_mirror_that_keeps_a_second_behind_the_head_is_live() {
    let mut mark = Mark::new(100);
    assert!(!mark.is_live(90, 110));
    mark.since = ago(LIVE);
    assert!(!mark.is_live(95, 120), "a second was not enough for 100");
    assert!(!mark.is_live(119, 140));
    assert!(mark.is_live(120, 140));
}
