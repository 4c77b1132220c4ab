//! The mirror in Kafka, with something wrong in it.

use std::time::Instant;

use proto::Topic;
use uuid::Uuid;

use crate::kafka::{Broker, PATIENCE, Sent, away};
use crate::recorded::adjusted;
use crate::shop::Shop;

/// What is told of the mirror of a shop after this was done to its records.
async fn told(spoil: impl FnOnce(&mut Vec<Sent>)) -> Vec<String> {
    let shop = Shop::with(400).await;
    let mut broker = Broker::new();
    let mut records = broker.records(&shop.log()).await;
    spoil(&mut records);
    broker.write(&records).await;
    broker.tell(&shop.log()).await;
    let report = shop.verify(Some(&broker.kafka)).await;
    assert_eq!(report.mirror_differs(), !report.is_well(), "{report:?}");
    assert!(report.projections().is_empty(), "{report:?}");
    report.differences.iter().map(ToString::to_string).collect()
}

/// The place of the `nth` record of the fullest partition, and of those before and after it there.
fn fullest(records: &[Sent], nth: usize) -> (String, [usize; 3]) {
    let places = |partition: i32| {
        let is_there =
            move |record: &Sent| (record.topic, record.partition) == (Topic::Inventory, partition);
        let records = records.iter().enumerate();
        let there = records.filter(move |(_, record)| is_there(record));
        there.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let (partition, places) = (0..3)
        .map(|partition| (partition, places(partition)))
        .max_by_key(|(_, places)| places.len())
        .expect("three");
    let of = [places[nth - 1], places[nth], places[nth + 1]];
    (format!("inventory/{partition}"), of)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_holds_what_was_published_is_well_also_with_some_of_it_twice() {
    let whole = told(|_| ()).await;
    assert_eq!(whole, [""; 0]);
    let twice = told(|records| {
        let again = records[records.len() / 2..].to_vec();
        records.extend(again);
    })
    .await;
    assert_eq!(twice, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_record_is_found_unless_it_is_there_once_all_was_written_again() {
    let mut at = (String::new(), 0);
    let missing = told(|records| {
        let (place, [_, this, _]) = fullest(records, 5);
        at = (place, records[this].event.position);
        records.remove(this);
    })
    .await;
    let (place, position) = at;
    let text = format!("mirror: {place}: it lacks the record of an event (position {position})");
    assert_eq!(missing, [text]);
    let healed = told(|records| {
        let all = records.clone();
        let (_, [_, this, _]) = fullest(records, 5);
        records.remove(this);
        records.extend(all);
    })
    .await;
    assert_eq!(healed, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_partition_lacks_everything_and_one_that_ends_early_its_end() {
    let mut gone = (0, 0, 0);
    let told = told(|records| {
        let of_topic = |topic| {
            let of_topic = records.iter().filter(move |record| record.topic == topic);
            of_topic.map(|record| record.event.position)
        };
        let users = || of_topic(Topic::UserRegistration);
        let payments = of_topic(Topic::PaymentDone);
        let end = payments.max().expect("one was paid");
        gone = (users().count(), users().max().expect("one"), end);
        records.retain(|record| {
            record.topic != Topic::UserRegistration
                && (record.topic != Topic::PaymentDone || record.event.position != end)
        });
    })
    .await;
    let (count, last, end) = gone;
    let of = |topic: &str| {
        let of_topic = told.iter().filter(|line| line.contains(topic));
        of_topic.cloned().collect::<Vec<_>>()
    };
    let payments = of("payment_done/");
    assert_eq!(payments.len(), 1);
    assert!(payments[0].ends_with(&format!("it lacks the record of an event (position {end})")));
    let users = of("user_registration/");
    let counted = users.iter().map(|line| {
        let words = line.split_whitespace().collect::<Vec<_>>();
        words[4].parse().unwrap_or(1)
    });
    assert_eq!(counted.sum::<usize>(), count, "{users:?}");
    assert!(
        count < 4
            || users
                .iter()
                .any(|line| line.contains(&format!("position {last}")))
    );
    assert_eq!(told.len(), users.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_record_is_found_and_in_what_it_is_changed() {
    let mut at = Vec::new();
    let changed = told(|records| {
        let (place, [_, this, _]) = fullest(records, 4);
        at.push((place, records[this].event.position));
        records[this].event.actor = "somebody else".to_owned();
        let (place, [_, this, _]) = fullest(records, 8);
        at.push((place, records[this].event.position));
        records[this].event.message = records[0].event.message.clone();
    })
    .await;
    let line = |number: usize, offset: u64, what: &str| {
        let (place, position) = &at[number];
        format!(
            "mirror: {place}: the record at offset {offset} has another {what} than the event (position {position})"
        )
    };
    assert_eq!(
        changed,
        [
            line(0, 4, "header actor"),
            line(1, 8, "value, header ce_source, header ce_type"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_in_another_place_or_that_names_another_one_before_it_is_found() {
    let mut at = (String::new(), 0);
    let swapped = told(|records| {
        let (place, [_, this, next]) = fullest(records, 5);
        at = (place, records[this].event.position);
        records.swap(this, next);
    })
    .await;
    let (place, first) = at;
    assert_eq!(swapped.len(), 1, "{swapped:?}");
    let text =
        format!("mirror: {place}: the record at offset 7 follows position {first}, out of order");
    assert!(swapped[0].starts_with(&text), "{swapped:?}");

    let mut at = (String::new(), [0; 3]);
    let chained = told(|records| {
        let (place, [before, this, _]) = fullest(records, 5);
        let [before, this_one] = [before, this].map(|place| records[place].event.position);
        at = (place, [before, this_one, records[this].previous - 1]);
        records[this].previous -= 1;
    })
    .await;
    let (place, [before, this, named]) = at;
    assert_eq!(
        chained,
        [format!(
            "mirror: {place}: the record at offset 5 names position {named} before it, not {before} (position {this})"
        )]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_does_not_have_and_what_is_of_another_log_is_found() {
    let surplus = told(|records| {
        let (_, [_, this, _]) = fullest(records, 5);
        // Of an order's topic, an event of somewhere else.
        let order = records.iter().find(|record| record.topic == Topic::Order);
        let order = order.expect("an order").clone();
        let mut stranger = records[this].clone();
        (stranger.topic, stranger.partition) = (order.topic, order.partition);
        records.push(stranger);
    })
    .await;
    assert_eq!(surplus.len(), 1, "{surplus:?}");
    assert!(surplus[0].contains(": the log has no event for the record at offset "));
    let foreign = told(|records| {
        let mut stranger = records[0].clone();
        stranger.log = Uuid::from_u128(1);
        records.insert(0, stranger);
    })
    .await;
    assert_eq!(foreign.len(), 1, "{foreign:?}");
    assert!(foreign[0].starts_with("mirror: user/") || foreign[0].starts_with("mirror: product/"));
    assert!(foreign[0].ends_with(": 1 records are of another log"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_relay_has_not_got_to_is_not_missing_and_what_is_on_its_way_not_too_much() {
    let mut shop = Shop::with(200).await;
    let mut broker = Broker::new();
    broker.mirror(&shop.log()).await;
    shop.happens(100).await;
    assert_eq!(shop.told(Some(&broker.kafka)).await, [""; 0]);
    let on_their_way = broker.records(&shop.log()).await;
    broker.write(&on_their_way[..20]).await;
    assert_eq!(shop.told(Some(&broker.kafka)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_told_in_bounded_time() {
    let shop = Shop::with(50).await;
    let began = Instant::now();
    let told = shop.told(Some(&away())).await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("mirror: Kafka: it does not answer at 127.0.0.1:1"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_shorter_than_its_mirror_is_told() {
    let shop = Shop::with(50).await;
    let mut broker = Broker::new();
    broker.mirror(&shop.log()).await;
    let lamp = Uuid::from_u128(9);
    let head = shop.recorded.append(&[adjusted(lamp, 1, 1)]).await;
    sqlx::query("update relay set position = $1")
        .bind(head + 7)
        .execute(&shop.recorded.pool)
        .await
        .expect("the relay's row");
    let told = shop.told(Some(&broker.kafka)).await;
    let text = format!(
        "mirror: Kafka: the relay has mirrored position {}, but the log ends at {head}",
        head + 7
    );
    assert!(told.contains(&text), "{told:?}");
}
