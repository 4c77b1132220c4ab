//! Telling other processes that the log has grown: off the writer's path, and only while there are any.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

const CHANNEL: &str = "events";
/// How a process that follows the log marks its session, so that writers know to notify.
const FOLLOWER: &str = "online-mart follower ";
/// How long "nobody else follows" is believed. A newcomer polls meanwhile.
const BELIEVED: Duration = Duration::from_secs(1);

/// What marks the session of one follower.
pub(crate) fn mark() -> String {
    format!("{FOLLOWER}{}", Uuid::now_v7())
}

/// A session that hears of new events.
pub(crate) async fn listen(pool: &PgPool, mark: &str) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    sqlx::query("select set_config('application_name', $1, false)")
        .bind(mark)
        .execute(&mut listener)
        .await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Notifies after commits, once for all that happened while the last notification was on its way; ends with the writer.
/// `own` marks the follower that hears of them from memory.
pub(crate) async fn cry(pool: PgPool, mut committed: watch::Receiver<i64>, own: String) {
    let (mut heard, mut asked) = (false, None::<Instant>);
    while committed.changed().await.is_ok() {
        if asked.is_none_or(|asked| asked.elapsed() > BELIEVED) {
            heard = is_heard(&pool, &own).await.unwrap_or(true);
            asked = Some(Instant::now());
        }
        if heard {
            // Lost, it costs the others a wait: they poll.
            let _ = sqlx::query("select pg_notify($1, '')")
                .bind(CHANNEL)
                .execute(&pool)
                .await;
        }
    }
}

/// Whether anybody but this writer's own follower follows the log.
async fn is_heard(pool: &PgPool, own: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from pg_stat_activity
                        where datname = current_database() and starts_with(application_name, $1)
                          and application_name <> $2)",
    )
    .bind(FOLLOWER)
    .bind(own)
    .fetch_one(pool)
    .await
}
