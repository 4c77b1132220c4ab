//! A payment's success of version 1, which said no more than the attempt's id.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use domain::{Aggregate, payment};
use proto::Message;
use proto::payment::v1::payment_event::Event;
use proto::payment::v1::{PaymentAttempted, PaymentEvent};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::log::{Published, columns, published};

const NAME: &str = "succeeded";
const VERSION: &str = "1";

/// Leaves blank what was paid: the aggregate has it from the attempt, and whoever reads the log gets it by [`Attempts`].
pub(super) struct SuccessAlone;

impl EventUpcaster for SuccessAlone {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        event_type == NAME && event_version == VERSION
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        if let Some(Value::Object(success)) = event.payload.get_mut(NAME) {
            success.insert("order_id".to_owned(), json!(Uuid::nil()));
            success.insert("user_id".to_owned(), json!(Uuid::nil()));
            let nothing = json!({"minor": 0, "currency": "USD"});
            success.insert("amount".to_owned(), nothing);
        }
        "2".clone_into(&mut event.event_version);
        event
    }
}

/// What such successes answered; empty where there are none.
#[derive(Default)]
pub(crate) struct Attempts(HashMap<Uuid, Option<PaymentAttempted>>);

impl Attempts {
    /// Of the old successes among these rows of the log.
    pub(crate) async fn before(pool: &PgPool, rows: &[PgRow]) -> Result<Self> {
        let payments: Vec<&str> = rows
            .iter()
            .filter(|row| is_alone(row))
            .map(|row| row.get("aggregate_id"))
            .collect();
        if payments.is_empty() {
            return Ok(Self::default());
        }
        let attempts = sqlx::query(concat!(
            "select distinct on (aggregate_id) ",
            columns!(),
            " from events where aggregate_type = $1 and aggregate_id = any($2) and event_type = 'attempted'
              order by aggregate_id, sequence desc",
        ))
        .bind(payment::Payment::TYPE)
        .bind(&payments)
        .fetch_all(pool)
        .await
        .context("cannot read the log")?;
        let ids = payments.iter().filter_map(|id| id.parse().ok());
        let mut found: HashMap<_, _> = ids.map(|id| (id, None)).collect();
        for row in &attempts {
            if let Some(attempt) = published(row)?
                && let Message::Payment(PaymentEvent {
                    event: Some(Event::Attempted(attempted)),
                }) = attempt.message
            {
                found.insert(attempt.aggregate_id, Some(attempted));
            }
        }
        Ok(Self(found))
    }

    /// The event with all that it says today.
    pub(crate) fn complete(&self, mut event: Published) -> Result<Published> {
        if let Message::Payment(PaymentEvent {
            event: Some(Event::Succeeded(success)),
        }) = &mut event.message
            && let Some(attempt) = self.0.get(&event.aggregate_id)
        {
            let attempt = attempt.as_ref().with_context(|| {
                let (payment, position) = (event.aggregate_id, event.position);
                format!("payment {payment} succeeded at position {position} without an attempt")
            })?;
            success.order_id.clone_from(&attempt.order_id);
            success.user_id.clone_from(&attempt.user_id);
            success.amount_minor = attempt.amount_minor;
            success.currency.clone_from(&attempt.currency);
        }
        Ok(event)
    }
}

fn is_alone(row: &PgRow) -> bool {
    row.get::<&str, _>("event_type") == NAME
        && row.get::<&str, _>("event_version") == VERSION
        && row.get::<&str, _>("aggregate_type") == payment::Payment::TYPE
}
