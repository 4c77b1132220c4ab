//! What earlier versions of the shop have stored is read as if it had been written today.

use domain::id::{OrderId, PaymentId};
use domain::payment::Payment;
use embedded_postgres::testing::database;
use event_store::{Context, EventStore, Log, MIGRATOR, Unit};
use proto::payment::v1::payment_event::Event;
use proto::payment::v1::{PaymentEvent, PaymentSucceeded};
use proto::{Message, Topic};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::{Uuid, uuid};

use crate::life::{ANNE, ORDER, Refused};

const FIRST: Uuid = uuid!("0192f0c1-2345-7abc-8def-0000000000f1");
const SECOND: Uuid = uuid!("0192f0c1-2345-7abc-8def-0000000000f2");

fn payment() -> PaymentId {
    PaymentId::of(OrderId::from(ORDER))
}

async fn stored(pool: &PgPool, sequence: i64, event: Value) {
    let name = event.as_object().and_then(|event| event.keys().next());
    sqlx::query(
        "with head as (update log_head set position = position + 1, recorded_at = now() returning position, recorded_at)
         insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select position, 'payment', $1, $2, $3, '1', $4::text::json, '{}', gen_random_uuid(), recorded_at from head",
    )
    .bind(payment().to_string())
    .bind(sequence)
    .bind(name)
    .bind(event.to_string())
    .execute(pool)
    .await
    .expect("an event");
}

fn attempted(attempt: Uuid, minor: i64) -> Value {
    json!({"attempted": {
        "order_id": ORDER,
        "user_id": ANNE,
        "attempt_id": attempt,
        "amount": {"minor": minor, "currency": "USD"},
        "card": {"brand": "visa", "last4": "4242"},
    }})
}

fn success(log: &[std::sync::Arc<event_store::Published>]) -> Option<PaymentSucceeded> {
    log.iter().find_map(|event| match &event.message {
        Message::Payment(PaymentEvent {
            event: Some(Event::Succeeded(success)),
        }) => Some(success.clone()),
        _ => None,
    })
}

#[tokio::test]
async fn a_payments_success_that_named_its_attempt_alone_says_what_was_paid() {
    let database = database(&MIGRATOR).await;
    let pool = database.pool();
    stored(&pool, 1, attempted(FIRST, 3_998)).await;
    let declined = json!({"declined": {"attempt_id": FIRST, "code": "expired_card"}});
    stored(&pool, 2, declined).await;
    stored(&pool, 3, attempted(SECOND, 1_999)).await;
    stored(&pool, 4, json!({"succeeded": {"attempt_id": SECOND}})).await;

    let log = Log::open(pool.clone());
    let expected = Some(PaymentSucceeded {
        attempt_id: SECOND.to_string(),
        order_id: ORDER.to_string(),
        user_id: ANNE.to_string(),
        amount_minor: 1_999,
        currency: "USD".to_owned(),
    });
    // Also where the attempt is on another page.
    for after in [0, 3] {
        let page = log.read(after, 10).await.expect("the log reads");
        assert_eq!((success(&page.events), page.through), (expected.clone(), 4));
    }
    let key = Uuid::from(payment());
    let stream = log.stream(Topic::Payment, key).await;
    assert_eq!(success(&stream.expect("the log reads")), expected);

    let store = EventStore::open(pool).await.expect("it opens");
    let paid = |unit: &mut Unit<'_, Refused>| unit.get::<Payment>(payment());
    let paid = store.execute(Context::system("older"), paid).await;
    let Payment::Paid { details, .. } = &*paid.expect("it is there").answer else {
        panic!("it is paid");
    };
    assert_eq!(
        (details.amount.minor, Uuid::from(details.user_id)),
        (1_999, ANNE)
    );
}

#[tokio::test]
async fn a_success_without_an_attempt_is_not_made_up() {
    let database = database(&MIGRATOR).await;
    let pool = database.pool();
    stored(&pool, 1, json!({"succeeded": {"attempt_id": FIRST}})).await;
    let error = Log::open(pool).read(0, 10).await.expect_err("of what?");
    assert!(
        error
            .to_string()
            .contains("succeeded at position 1 without an attempt"),
        "{error}"
    );
}
