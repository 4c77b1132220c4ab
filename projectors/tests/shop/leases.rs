//! Whose mail it is while it is sent.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::databases::number;
use crate::post::Post;
use crate::smtp::{Mood, Server};

#[tokio::test]
async fn a_mail_that_was_sent_while_the_database_was_away_is_not_sent_again() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[Mood::Slow(Duration::from_millis(400))]);
    post.queue(1..2).await;
    post.start(Some(&server.url()));
    let leased = "select count(*) from delivery where leased_until is not null";
    while number(&post.pool, leased).await < 1 {
        sleep(Duration::from_millis(5)).await;
    }
    for (rename, pause) in [
        ("delivery rename to away", 1_000),
        ("away rename to delivery", 0),
    ] {
        let query = format!("alter table {rename}");
        sqlx::query(&query)
            .execute(&post.pool)
            .await
            .expect("another name");
        sleep(Duration::from_millis(pause)).await;
    }
    post.all_sent(1).await;
    post.stop().await;
    assert_eq!(server.arrived().len(), 1);
}

#[tokio::test]
async fn a_mail_whose_lease_runs_out_while_it_is_sent_is_not_sent_again() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[Mood::Slow(Duration::from_millis(2_500))]);
    post.queue(1..2).await;
    post.start(Some(&server.url()));
    let run_out = async {
        // Another worker takes the lease, each time, and lets the mail alone.
        while post.count("SENT").await < 1 {
            sqlx::query("update delivery set leased_until = now() - interval '1 second' where attempts > 0 and status = 'QUEUED'")
                .execute(&post.pool)
                .await
                .expect("a lease");
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(10), run_out)
        .await
        .expect("it is sent");
    let again = "select count(*) from delivery where attempts > 1";
    assert_eq!(number(&post.pool, again).await, 1);
    post.stop().await;
    assert_eq!(server.arrived().len(), 1);
}

#[tokio::test]
async fn a_mail_of_a_mailer_that_died_is_sent_when_its_lease_has_run_out() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    post.queue(1..3).await;
    for (lease, n) in [
        ("now() + interval '1 hour'", 1),
        ("now() - interval '1 second'", 2),
    ] {
        let query = format!(
            "update delivery set attempts = 1, leased_until = {lease}
             from mail where mail.notification_id = delivery.notification_id and mail.id = {n}"
        );
        sqlx::query(&query)
            .execute(&post.pool)
            .await
            .expect("a lease");
    }
    post.start(Some(&server.url()));
    post.all_sent(1).await;
    sleep(Duration::from_millis(100)).await;
    post.stop().await;
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].recipient, "user2@example.com");
}
