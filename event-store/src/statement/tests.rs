use std::sync::Arc;
use std::time::Duration;

use embedded_postgres::testing::database;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Connection, Outcome, Place};
use crate::MIGRATOR;
use crate::append::Append;
use crate::stored::{NewEvent, StreamKey};

fn opened() -> Append {
    let stream = StreamKey {
        aggregate_type: "stock",
        id: Uuid::now_v7(),
    };
    Append {
        events: vec![NewEvent {
            stream,
            sequence: 1,
            event_type: "opened",
            event_version: "1",
            payload: "{}".into(),
            event_id: Uuid::now_v7(),
        }],
        metadata: Arc::from("{}"),
        lines: Vec::new(),
        reply: oneshot::channel().0,
    }
}

#[tokio::test]
async fn a_database_that_is_silent_is_given_up_and_its_connection_with_it() {
    let database = database(&MIGRATOR).await;
    let mut holder = database.pool().begin().await.expect("begins");
    sqlx::query("select position from log_head for update")
        .execute(&mut *holder)
        .await
        .expect("locks the head");
    let mut connection = Connection::with_patience(database.pool(), Duration::from_millis(200));
    let batch = [opened()];
    connection
        .append(&batch)
        .await
        .expect_err("nobody knows what becomes of it");
    assert!(connection.open.is_none(), "an answer is still under way");
    holder.rollback().await.expect("lets go");
    // The same batch again is either in the log by then, or not: once it is there, whoever wrote it.
    connection.patience = Duration::from_secs(10);
    let _: Outcome = connection.append(&batch).await.expect("answers");
    let written: i64 = sqlx::query_scalar("select count(*) from events")
        .fetch_one(&database.pool())
        .await
        .expect("counts");
    assert_eq!(written, 1);
}

#[tokio::test]
async fn a_stream_that_has_moved_on_is_a_conflict_and_an_own_first_try_is_none() {
    let database = database(&MIGRATOR).await;
    let mut connection = Connection::new(database.pool());
    let batch = [opened()];
    let told = connection.append(&batch).await.expect("appends");
    assert!(
        matches!(told, Outcome::Committed(Place { base: 0, .. })),
        "{told:?}"
    );
    let mut other = opened();
    other.events[0].stream = batch[0].events[0].stream;
    let told = connection.append(&[other]).await.expect("answers");
    assert!(matches!(told, Outcome::Conflict), "{told:?}");
    // As if the line had broken after the commit and before its answer.
    let open = connection
        .connect(super::Instant::now())
        .await
        .expect("open");
    let told = super::attempt(open, &batch, true).await.expect("settles");
    assert!(
        matches!(told, Outcome::Committed(Place { base: 0, .. })),
        "{told:?}"
    );
}
