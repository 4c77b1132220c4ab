//! What became of each mail: the queue behind the mailer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// A mail belongs to whoever leased it for this long; longer than a conversation with the server may take.
const LEASE: Duration = Duration::from_secs(90);
/// Pauses between attempts double from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// With these pauses about a day.
const ATTEMPTS: i32 = 296;
/// How much of an error's text is kept.
const ERROR_LENGTH: usize = 500;

/// A mail that nobody else sends meanwhile.
#[derive(FromRow)]
pub(super) struct Leased {
    pub notification_id: Uuid,
    /// With this one.
    pub attempts: i32,
    pub recipient: String,
    pub username: String,
    pub subject: String,
    pub body: String,
    pub queued_at: DateTime<Utc>,
}

impl Leased {
    pub(super) fn is_last_attempt(&self) -> bool {
        self.attempts >= ATTEMPTS
    }
}

/// The next mail that is due.
pub(super) async fn lease(pool: &PgPool) -> Result<Option<Leased>, sqlx::Error> {
    sqlx::query_as(
        "with due as (
             select notification_id from delivery
             where status = 'QUEUED' and next_attempt_at <= now()
                 and (leased_until is null or leased_until < now())
                 and exists (select from mail where mail.notification_id = delivery.notification_id)
             order by next_attempt_at
             limit 1
             for update of delivery skip locked
         )
         update delivery
         set attempts = attempts + 1, leased_until = now() + make_interval(secs => $1)
         from due join mail using (notification_id)
         where delivery.notification_id = due.notification_id
         returning delivery.notification_id, attempts, recipient, username, subject, body, queued_at",
    )
    .bind(LEASE.as_secs_f64())
    .fetch_optional(pool)
    .await
}

/// The server has taken the mail.
pub(super) async fn sent(pool: &PgPool, mail: &Leased) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update delivery set status = 'SENT', sent_at = now(), leased_until = null, last_error = null
         where notification_id = $1",
    )
    .bind(mail.notification_id)
    .execute(pool)
    .await?;
    Ok(())
}

/// The server has not taken the mail. It is due again after a pause, or given up and kept.
pub(super) async fn failed(pool: &PgPool, mail: &Leased, error: &str) -> Result<(), sqlx::Error> {
    let status = if mail.is_last_attempt() {
        "FAILED"
    } else {
        "QUEUED"
    };
    // Postgres keeps no NUL in a text, a server may well send one.
    let error: String = error
        .chars()
        .filter(|character| *character != '\0')
        .take(ERROR_LENGTH)
        .collect();
    sqlx::query(
        "update delivery
         set status = $3, next_attempt_at = now() + make_interval(secs => $4), leased_until = null, last_error = $5
         where notification_id = $1 and attempts = $2 and status = 'QUEUED'",
    )
    .bind(mail.notification_id)
    .bind(mail.attempts)
    .bind(status)
    .bind(pause(mail.attempts).as_secs_f64())
    .bind(error)
    .execute(pool)
    .await?;
    Ok(())
}

/// The pause after so many attempts.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    (PAUSES.0 * 2_u32.pow(doublings)).min(PAUSES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_one_second_to_five_minutes() {
        let seconds: Vec<u64> = [1, 2, 3, 9, 10, 296].map(|n| pause(n).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn a_mail_is_given_up_after_about_a_day() {
        let total: Duration = (1..ATTEMPTS).map(pause).sum();
        assert!(total > Duration::from_hours(23) && total < Duration::from_hours(25));
    }
}
