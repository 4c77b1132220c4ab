//! A write tells how far it moved each stream that is published.

use domain::account::Account;
use domain::id::{OrderId, PaymentId, UserId};
use event_store::{Context, Unit, WrittenStream};
use proto::Topic;
use uuid::Uuid;

use crate::life::{ANNE, HASH, ORDER, REHASHED, Refused, a_life, rehash, store};

#[tokio::test]
async fn a_write_tells_the_last_published_position_of_each_stream() {
    let (store, _database) = store().await;
    let written = a_life(&store, Context::system("streams")).await;
    assert_eq!(written.position, 7);
    // 1: the claim, 3: a new hash, 4 and 5: the session; none of them is published.
    let stream = |topic, key, position| WrittenStream {
        topic,
        key,
        position,
    };
    let payment = Uuid::from(PaymentId::of(OrderId::from(ORDER)));
    assert_eq!(
        written.streams,
        [
            stream(Topic::User, ANNE, 2),
            stream(Topic::Payment, payment, 7)
        ]
    );
    let page = store.log().read(0, 100).await.expect("the log reads");
    for stream in written.streams {
        let last = page.events.iter().rfind(|e| e.aggregate_id == stream.key);
        let last = last.expect("it is published");
        assert_eq!(
            (last.message.topic(), last.position),
            (stream.topic, stream.position)
        );
    }
}

#[tokio::test]
async fn a_write_that_publishes_nothing_tells_of_no_stream() {
    let (store, _database) = store().await;
    a_life(&store, Context::system("streams")).await;
    for (hash, position) in [(HASH, 8), (HASH, 8), (REHASHED, 9)] {
        let work = move |unit: &mut Unit<'_, Refused>| {
            unit.decide::<Account>(UserId::from(ANNE), rehash(hash))?;
            Ok(())
        };
        let written = store.execute(Context::system("streams"), work).await;
        let written = written.expect("it is allowed");
        assert_eq!((written.position, written.streams), (position, vec![]));
    }
}
