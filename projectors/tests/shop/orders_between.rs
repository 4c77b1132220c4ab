//! Aggregates may overtake each other, events may come twice: the tables end up equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_store::Published;
use futures::future::join_all;
use projectors::{ApplyError, Projection, ReadDatabases, projections};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::databases::{clear, contents, number, shelves};
use crate::day::{ANNE, CHAIR, LAMP, day};
use crate::messages::{deleted, published};

async fn apply(
    projection: &dyn Projection,
    databases: &ReadDatabases,
    events: &[Arc<Published>],
) -> Result<(), ApplyError> {
    let mut transaction = projection.database(databases).begin().await?;
    projection.apply(&mut transaction, events).await?;
    Ok(transaction.commit().await?)
}

async fn apply_to_all(databases: &ReadDatabases, events: &[Arc<Published>]) {
    let applied = projections().map(|projection| async move {
        let concerns = |event: &&Arc<Published>| projection.concerns(&event.message);
        let events: Vec<_> = events.iter().filter(concerns).cloned().collect();
        apply(projection, databases, &events).await
    });
    for applied in join_all(applied).await {
        applied.expect("the events fit");
    }
}

/// The day in another order: each aggregate's events in theirs, now and then one that was there before, in batches.
fn in_batches(
    events: &[Arc<Published>],
    choices: &[(Index, bool, bool)],
) -> Vec<Vec<Arc<Published>>> {
    let mut streams: BTreeMap<Uuid, Vec<Arc<Published>>> = BTreeMap::new();
    for event in events.iter().rev() {
        streams
            .entry(event.aggregate_id)
            .or_default()
            .push(Arc::clone(event));
    }
    let mut choices = choices.iter().cycle();
    let (mut told, mut batches): (Vec<Arc<Published>>, _) = (Vec::new(), vec![Vec::new()]);
    while !streams.is_empty() {
        let (index, repeat, cut) = choices.next().expect("they cycle");
        if *repeat && !told.is_empty() {
            let again = Arc::clone(index.get(&told));
            batches.last_mut().expect("one").push(again);
        }
        let key = *index.get(&streams.keys().copied().collect::<Vec<_>>());
        let stream = streams.get_mut(&key).expect("its key");
        let event = stream.pop().expect("empty ones are gone");
        if stream.is_empty() {
            streams.remove(&key);
        }
        told.push(Arc::clone(&event));
        batches.last_mut().expect("one").push(event);
        if *cut {
            batches.push(Vec::new());
        }
    }
    batches
}

#[test]
fn tables_are_equal_in_whatever_order_aggregates_come_and_whatever_comes_twice() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let shelves = runtime.block_on(shelves());
    let databases = &shelves.pools;
    let events = day();
    runtime.block_on(apply_to_all(databases, &events));
    let expected = runtime.block_on(contents(databases));

    let cases = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let choices = prop::collection::vec(
        (
            any::<Index>(),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
        ),
        16..64,
    );
    let outcome = TestRunner::new(cases).run(&choices, |choices| {
        runtime.block_on(async {
            clear(databases).await;
            for batch in in_batches(&events, &choices) {
                apply_to_all(databases, &batch).await;
            }
            prop_assert_eq!(contents(databases).await, expected.clone());
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn the_day_leaves_what_the_shop_shows() {
    let shelves = shelves();
    let shelves = shelves.await;
    let databases = &shelves.pools;
    apply_to_all(databases, &day()).await;
    let products: Vec<(Uuid, String, String, bool, i64)> =
        sqlx::query_as("select product_id, name, price::text, is_available, free from product")
            .fetch_all(&databases.product)
            .await
            .expect("products");
    assert_eq!(
        products,
        [(LAMP, "Desk lamp".into(), "20.50".into(), true, 17)]
    );
    let gone: (Uuid, bool, i64) =
        sqlx::query_as("select product_id, gone, version from product_aside")
            .fetch_one(&databases.product)
            .await
            .expect("a tombstone");
    assert_eq!(gone, (CHAIR, true, 2));
    let orders: Vec<(String, String, String)> =
        sqlx::query_as("select order_status, payment_status, total::text from orders order by id")
            .fetch_all(&databases.order)
            .await
            .expect("orders");
    let expected = [
        ("COMPLETED", "PAID", "39.98"),
        ("IN_PROGRESS", "FAILED", "61.50"),
    ];
    assert_eq!(
        orders,
        expected.map(|(a, b, c)| (a.into(), b.into(), c.into()))
    );
    let mails: Vec<(String, String, String)> = sqlx::query_as(
        "select kind, recipient, subject from mail join delivery using (notification_id)
         where user_id = $1 and status = 'QUEUED' and body like 'Hello anne,%' order by id",
    )
    .bind(ANNE)
    .fetch_all(&databases.notification)
    .await
    .expect("mails");
    let expected = [
        ("registration", "Welcome to Online Mart"),
        ("order", "Order confirmation"),
        ("payment", "Payment confirmation"),
    ]
    .map(|(kind, subject)| (kind.into(), "anne@example.com".into(), subject.into()));
    assert_eq!(mails, expected);
    let waiting = "select count(*) from mail_waiting";
    assert_eq!(number(&databases.notification, waiting).await, 0);
}

#[tokio::test]
async fn a_refused_event_leaves_the_tables_alone() {
    let shelves = shelves().await;
    let databases = &shelves.pools;
    let events = day();
    apply_to_all(databases, &events).await;
    let before = contents(databases).await;
    let product = projections()[0];
    let mut batch = vec![published(90, LAMP, 3, deleted())];
    batch.push(published(91, LAMP, 5, deleted()));
    let refused = apply(product, databases, &batch).await;
    assert!(matches!(refused, Err(ApplyError::Refused(refused)) if refused.position == 91));
    assert_eq!(contents(databases).await, before);
}

#[tokio::test]
async fn mails_wait_for_their_recipient() {
    let shelves = shelves().await;
    let databases = &shelves.pools;
    let is_registration = |event: &&Arc<Published>| event.aggregate_id == ANNE;
    let (registration, others): (Vec<_>, Vec<_>) =
        day().into_iter().partition(|event| is_registration(&event));
    apply_to_all(databases, &others).await;
    let of_anne = "select count(*) from mail where username = 'anne'";
    let waiting = "select count(*) from mail_waiting";
    assert_eq!(number(&databases.notification, of_anne).await, 0);
    assert_eq!(number(&databases.notification, waiting).await, 2);
    apply_to_all(databases, &registration).await;
    assert_eq!(number(&databases.notification, of_anne).await, 3);
    assert_eq!(number(&databases.notification, waiting).await, 0);
}
