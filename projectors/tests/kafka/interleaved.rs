//! The log's pages and the topics' partitions tell the same history, in any interleaving: the tables end up equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_store::Published;
use projectors::mirror::partition_of;
use projectors::{Projection, ReadDatabases, projections};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::databases::{clear, contents, shelves};
use crate::day::day;

type History = Vec<Arc<Published>>;

async fn apply(projection: &dyn Projection, databases: &ReadDatabases, events: &[Arc<Published>]) {
    let pool = projection.database(databases);
    let mut transaction = pool.begin().await.expect("a transaction");
    let applied = projection.apply(&mut transaction, events).await;
    applied.expect("the events fit");
    transaction.commit().await.expect("a commit");
}

/// The history as this projection's partitions tell it, and as the log does: each in its order.
fn tellers(projection: &dyn Projection, history: &History) -> Vec<History> {
    let mut partitions: BTreeMap<_, History> = BTreeMap::new();
    for event in history {
        let followed = projection.topics();
        for topic in event.message.topics().filter(|t| followed.contains(t)) {
            let partition = partition_of(event.aggregate_id, 3);
            partitions
                .entry((topic, partition))
                .or_default()
                .push(Arc::clone(event));
        }
    }
    let concerns = |event: &&Arc<Published>| projection.concerns(&event.message);
    let log = history.iter().filter(concerns).cloned().collect();
    partitions.into_values().chain([log]).collect()
}

#[test]
fn tables_are_equal_however_the_log_and_the_partitions_interleave() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let shelves = runtime.block_on(shelves());
    let databases = &shelves.pools;
    let history = day();
    let plain = async {
        for projection in projections() {
            let log = tellers(projection, &history).pop().expect("the log");
            apply(projection, databases, &log).await;
        }
        contents(databases).await
    };
    let expected = runtime.block_on(plain);

    let cases = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    // Who tells next, how many events, and from how far back it begins again.
    let choices = prop::collection::vec((any::<Index>(), 1..6_usize, 0..3_usize), 16..64);
    let outcome = TestRunner::new(cases).run(&choices, |choices| {
        runtime.block_on(async {
            clear(databases).await;
            for projection in projections() {
                let tellers = tellers(projection, &history);
                let mut told = vec![0; tellers.len()];
                for (index, count, again) in choices.iter().cycle() {
                    let unfinished: Vec<_> = (0..tellers.len())
                        .filter(|teller| told[*teller] < tellers[*teller].len())
                        .collect();
                    if unfinished.is_empty() {
                        break;
                    }
                    let teller = *index.get(&unfinished);
                    let (from, to) = (
                        told[teller] - told[teller].min(*again),
                        told[teller] + count,
                    );
                    let to = to.min(tellers[teller].len());
                    apply(projection, databases, &tellers[teller][from..to]).await;
                    told[teller] = to;
                }
            }
            prop_assert_eq!(contents(databases).await, expected.clone());
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
