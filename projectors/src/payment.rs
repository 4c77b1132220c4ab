//! What was paid, or tried: `payment`, one row per payment however often it was attempted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::Published;
use futures::future::BoxFuture;
use proto::payment::v1::payment_event::Event;
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{self, ApplyError, Projection, Refused, is_next};
use crate::rows::{Rows, aggregates, column};
use crate::{PaymentStatus, ReadDatabases};

/// The projection `payment`.
pub struct Payments;

/// A row of `payment`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Row {
    /// Position of the first attempt.
    pub id: i64,
    /// The payment.
    pub payment_id: Uuid,
    /// What is paid.
    pub order_id: Uuid,
    /// Who pays.
    pub user_id: Uuid,
    /// Of the last attempt.
    pub payment_status: PaymentStatus,
    /// In minor units of `currency`; the table holds the decimal number.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Of the last attempt.
    pub card_brand: String,
    /// Of the last attempt.
    pub card_last4: String,
    /// Why the last attempt failed.
    pub decline_code: Option<String>,
    /// How many there were.
    pub attempts: i32,
    /// When the first attempt was made.
    pub created_at: DateTime<Utc>,
    /// When the last thing happened.
    pub updated_at: DateTime<Utc>,
    /// The payment's sequence.
    pub version: i64,
}

/// Folds one event of the payment into its row.
pub fn fold(row: &mut Option<Row>, event: &Published) -> Result<(), Refused> {
    let Message::Payment(message) = &event.message else {
        return Ok(());
    };
    if !is_next(row.as_ref().map_or(0, |row| row.version), event)? {
        return Ok(());
    }
    let unreadable = || Refused::unreadable(event, "a payment event");
    match (row.as_mut(), message.event.as_ref().ok_or_else(unreadable)?) {
        (before, Event::Attempted(attempted)) => {
            let first = before.map(|row| (row.id, row.attempts, row.created_at));
            let (id, attempts, created_at) =
                first.unwrap_or((event.position, 0, event.recorded_at));
            *row = Some(Row {
                id,
                payment_id: event.aggregate_id,
                order_id: projection::id(event, &attempted.order_id, "an order's id")?,
                user_id: projection::id(event, &attempted.user_id, "a user's id")?,
                payment_status: PaymentStatus::Pending,
                amount_minor: attempted.amount_minor,
                currency: attempted.currency.clone(),
                card_brand: attempted.card_brand.clone(),
                card_last4: attempted.card_last4.clone(),
                decline_code: None,
                attempts: attempts + 1,
                created_at,
                updated_at: event.recorded_at,
                version: event.sequence,
            });
        }
        (None, Event::Succeeded(_) | Event::Declined(_)) => {
            return Err(Refused::impossible(
                event,
                "a payment that was never attempted",
            ));
        }
        (Some(row), Event::Succeeded(_)) => {
            row.payment_status = PaymentStatus::Paid;
            row.updated_at = event.recorded_at;
            row.version = event.sequence;
        }
        (Some(row), Event::Declined(declined)) => {
            row.payment_status = PaymentStatus::Failed;
            row.decline_code = Some(declined.decline_code.clone());
            row.updated_at = event.recorded_at;
            row.version = event.sequence;
        }
    }
    Ok(())
}

impl Projection for Payments {
    fn name(&self) -> &'static str {
        "payment"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["payment"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.payment
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Payment]
    }

    fn concerns(&self, message: &Message) -> bool {
        matches!(message, Message::Payment(_))
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut rows = load(connection, events).await?;
            rows.fold(events, fold)?;
            let changed: Vec<&Row> = rows.changed().map(|row| row.now).collect();
            Ok(upsert(connection, &changed).await?)
        })
    }
}

async fn load(
    connection: &mut PgConnection,
    events: &[Arc<Published>],
) -> Result<Rows<Row>, sqlx::Error> {
    let keys = aggregates(events);
    let rows: Vec<Row> = sqlx::query_as(
        "select id, payment_id, order_id, user_id, payment_status, (amount * 100)::bigint as amount_minor,
                currency, card_brand, card_last4, decline_code, attempts, created_at, updated_at, version
         from payment where payment_id = any($1)",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    Ok(Rows::loaded(
        rows.into_iter().map(|row| (row.payment_id, row)),
    ))
}

async fn upsert(connection: &mut PgConnection, rows: &[&Row]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into payment (id, payment_id, order_id, user_id, payment_status, amount, currency,
                              card_brand, card_last4, decline_code, attempts, created_at, updated_at, version)
         select a, b, c, d, e, f::numeric / 100, g, h, i, j, k, l, m, n
         from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::int[], $12::timestamptz[], $13::timestamptz[],
                     $14::bigint[]) as row (a, b, c, d, e, f, g, h, i, j, k, l, m, n)
         on conflict (payment_id) do update set
             payment_status = excluded.payment_status, amount = excluded.amount, currency = excluded.currency,
             card_brand = excluded.card_brand, card_last4 = excluded.card_last4,
             decline_code = excluded.decline_code, attempts = excluded.attempts,
             updated_at = excluded.updated_at, version = excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.payment_id))
    .bind(column(rows, |row| row.order_id))
    .bind(column(rows, |row| row.user_id))
    .bind(column(rows, |row| row.payment_status.as_str()))
    .bind(column(rows, |row| row.amount_minor))
    .bind(column(rows, |row| row.currency.as_str()))
    .bind(column(rows, |row| row.card_brand.as_str()))
    .bind(column(rows, |row| row.card_last4.as_str()))
    .bind(column(rows, |row| row.decline_code.as_deref()))
    .bind(column(rows, |row| row.attempts))
    .bind(column(rows, |row| row.created_at))
    .bind(column(rows, |row| row.updated_at))
    .bind(column(rows, |row| row.version))
    .execute(connection)
    .await?;
    Ok(())
}
