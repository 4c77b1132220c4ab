//! Nobody changes the log unseen, whoever holds the database.

use sqlx::PgPool;

use crate::program::Place;
use crate::scene::{a_day, customer, event_store, mart, sealed, start};

async fn tamper(log: &PgPool, how: &str) {
    for statement in [
        "alter table events disable trigger user",
        how,
        "alter table events enable trigger user",
    ] {
        let done = sqlx::raw_sql(statement).execute(log).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_a_deleted_and_a_cut_log_are_seen_with_the_position() {
    let place = Place::prepared();
    let shop = start(place.mart(&[])).await;
    let john = customer(&shop, "john_doe").await;
    a_day(&john).await;
    let log = event_store(&place).await;
    sealed(&log).await;
    mart(&place, &["audit", "verify"]).await.ends_with(0);

    let changed: i64 = sqlx::query_scalar(
        "select position from events where event_type = 'placed' order by position limit 1",
    )
    .fetch_one(&log)
    .await
    .expect("it was placed");
    let head: i64 = sqlx::query_scalar("select position from log_head")
        .fetch_one(&log)
        .await
        .expect("a head");
    for (what, how, back, position) in [
        (
            "one byte",
            format!(
                "update events set payload = replace(payload::text, '\"quantity\":1,', '\"quantity\":9,')::json where position = {changed}"
            ),
            format!(
                "update events set payload = replace(payload::text, '\"quantity\":9,', '\"quantity\":1,')::json where position = {changed}"
            ),
            changed,
        ),
        (
            "who did it",
            format!(
                "update events set metadata = replace(metadata::text, '\"actor\":', '\"author\":')::json where position = {changed}"
            ),
            format!(
                "update events set metadata = replace(metadata::text, '\"author\":', '\"actor\":')::json where position = {changed}"
            ),
            changed,
        ),
        (
            "an event taken out",
            format!(
                "create table kept as select * from events where position = {changed}; delete from events where position = {changed}"
            ),
            "insert into events select * from kept; drop table kept".to_owned(),
            changed,
        ),
        (
            "the last event cut off, and the head with it",
            format!(
                "create table kept as select * from events where position = {head}; delete from events where position = {head}; update log_head set position = {head} - 1"
            ),
            format!(
                "insert into events select * from kept; drop table kept; update log_head set position = {head}"
            ),
            head,
        ),
    ] {
        tamper(&log, &how).await;
        let said = mart(&place, &["audit", "verify"]).await;
        let said = said.ends_with(1);
        assert!(
            said.contains(&position.to_string()),
            "{what}: {position} is not in\n{said}"
        );
        tamper(&log, &back).await;
        mart(&place, &["audit", "verify"]).await.ends_with(0);
    }
    shop.stop();
    mart(&place, &["audit", "verify"]).await.ends_with(0);
}
