//! What a projection needs is on the topics that it follows; the mails need three kinds of messages alone.

use std::sync::Arc;

use event_store::Published;
use projectors::{ApplyError, Projection, Refused, projections};
use proto::Message;
use sqlx::PgPool;
use uuid::Uuid;

use crate::databases::{number, shelves};
use crate::golden::{messages, type_name};
use crate::messages::{id, placed, published, registered, succeeded};

const LAMP: Uuid = id(0xa1);
const ANNE: Uuid = id(0xc1);
const ORDER: Uuid = id(0xd1);
const PAYMENT: Uuid = id(0xf1);
const ATTEMPT: Uuid = id(0x11);

fn notification() -> &'static dyn Projection {
    let [.., notification] = projections();
    assert_eq!(notification.name(), "notification");
    notification
}

async fn apply(pool: &PgPool, events: &[Arc<Published>]) -> Result<(), ApplyError> {
    let mut transaction = pool.begin().await?;
    notification().apply(&mut transaction, events).await?;
    Ok(transaction.commit().await?)
}

async fn mails(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("select kind, body from mail join delivery using (notification_id) order by id")
        .fetch_all(pool)
        .await
        .expect("mails")
}

#[test]
fn what_concerns_a_projection_is_on_its_topics() {
    for projection in projections() {
        let mut heard = projection.topics().to_vec();
        for message in messages() {
            let on = |topic| projection.topics().contains(&topic);
            if projection.concerns(&message) {
                let name = type_name(&message);
                assert!(message.topics().any(on), "{name} for {}", projection.name());
                heard.retain(|topic| !message.topics().any(|of| of == *topic));
            }
        }
        assert_eq!(heard, [], "{} hears nothing there", projection.name());
    }
}

#[test]
fn mails_are_about_registrations_orders_and_payments_alone() {
    let notification = notification();
    let mut concerns: Vec<String> = messages()
        .iter()
        .filter(|message| notification.concerns(message))
        .map(type_name)
        .collect();
    concerns.sort_unstable();
    assert_eq!(
        concerns,
        [
            "mart.order.v1.OrderPlaced",
            "mart.payment.v1.PaymentSucceeded",
            "mart.user.v1.UserRegistered",
        ]
    );
}

#[tokio::test]
async fn mails_need_nothing_but_those_and_come_once() {
    let shelves = shelves().await;
    let pool = &shelves.pools.notification;
    let paid = || succeeded(ORDER, ANNE, ATTEMPT, 3_998);
    // Of a stream that has had other events before: nobody told of those.
    let events = [
        published(9, PAYMENT, 4, paid()),
        published(4, ORDER, 1, placed(LAMP, ANNE, 2, 1_999)),
        published(2, ANNE, 1, registered("anne")),
    ];
    apply(pool, &events[..2]).await.expect("they fit");
    assert_eq!(mails(pool).await, [], "nobody knows whom to write to");
    apply(pool, &events).await.expect("they fit");
    let once = mails(pool).await;
    let kinds: Vec<_> = once.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["registration", "order", "payment"]);
    let text = format!("We have received your payment of 39.98 USD for order {ORDER}. Thank you.");
    assert!(once[2].1.contains(&text), "{}", once[2].1);
    for event in &events {
        apply(pool, std::slice::from_ref(event))
            .await
            .expect("seen before");
    }
    apply(pool, &events).await.expect("seen before");
    assert_eq!(mails(pool).await, once);
    let waiting = "select count(*) from mail_waiting";
    assert_eq!(number(pool, waiting).await, 0);
}

#[tokio::test]
async fn what_nobody_can_read_is_refused_and_not_passed_over() {
    let shelves = shelves().await;
    let pool = &shelves.pools.notification;
    let Message::Payment(mut payment) = succeeded(ORDER, ANNE, ATTEMPT, 3_998) else {
        panic!("a payment");
    };
    if let Some(proto::payment::v1::payment_event::Event::Succeeded(success)) = &mut payment.event {
        success.user_id = "anne".to_owned();
    }
    let unknown = proto::user::v1::UserEvent { event: None };
    for message in [Message::Payment(payment), Message::User(unknown)] {
        assert!(notification().concerns(&message));
        let refused = apply(pool, &[published(9, PAYMENT, 2, message)]).await;
        let refused = matches!(
            refused,
            Err(ApplyError::Refused(Refused { position: 9, .. }))
        );
        assert!(refused);
    }
}
