//! Mails over a real connection: each arrives once, whatever the server does.

use std::collections::BTreeSet;
use std::time::Duration;

use projectors::Mailer;
use tokio::time::{sleep, timeout};

use crate::databases::number;
use crate::messages::{id, published, registered};
use crate::post::{FROM, Post};
use crate::smtp::{Mood, Server};

#[tokio::test]
async fn a_queued_mail_is_sent_at_once_with_all_that_was_promised() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    post.start(Some(&server.url()));
    let mut waits = Vec::new();
    for n in 1..4 {
        let since = std::time::Instant::now();
        post.queue(n..n + 1).await;
        server
            .has(usize::try_from(n).expect("a small number"))
            .await;
        waits.push(since.elapsed());
    }
    // The mailer has just looked at its queue when the second one comes: without being told it takes a second.
    assert!(
        waits[1..]
            .iter()
            .any(|wait| *wait < Duration::from_millis(500)),
        "{waits:?}"
    );
    post.all_sent(3).await;
    let mail = server.arrived().remove(0);
    assert_eq!(mail.recipient, "user1@example.com");
    assert_eq!(mail.header("Subject"), "Welcome to Online Mart");
    let event = published(1, id(1), 1, registered("user1")).event_id;
    assert_eq!(mail.header("Message-ID"), format!("<{event}@mart.example>"));
    assert_eq!(
        mail.header("From"),
        "\"Online Mart\" <no-reply@mart.example>"
    );
    assert_eq!(mail.header("MIME-Version"), "1.0");
    assert!(mail.text.contains("Hello user1,"), "{}", mail.text);
    let row = "select count(*) from delivery where sent_at is not null and attempts = 1 and leased_until is null";
    assert_eq!(number(&post.pool, row).await, 3);
    post.stop().await;
}

#[tokio::test]
async fn a_server_that_knows_ascii_only_takes_mail_for_a_domain_of_any_script() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    post.queue(1..2).await;
    sqlx::query("update mail set recipient = 'Anne@EXÄMPLE.com'")
        .execute(&post.pool)
        .await
        .expect("an address");
    post.start(Some(&server.url()));
    post.all_sent(1).await;
    post.stop().await;
    let mail = server.arrived().remove(0);
    assert_eq!(mail.recipient, "Anne@xn--exmple-cua.com");
    assert_eq!(mail.header("To"), "user1 <Anne@xn--exmple-cua.com>");
}

#[tokio::test]
async fn without_smtp_mails_stay_queued() {
    let mut post = Post::new().await;
    post.queue(1..4).await;
    post.start(None);
    sleep(Duration::from_millis(300)).await;
    post.stop().await;
    assert_eq!(post.count("QUEUED").await, 3);
    let touched = "select count(*) from delivery where attempts > 0";
    assert_eq!(number(&post.pool, touched).await, 0);
}

#[tokio::test]
async fn a_server_that_is_down_gets_the_mails_when_it_is_up_again() {
    let mut post = Post::new().await;
    let address = Server::start().await.address;
    post.queue(1..6).await;
    post.start(Some(&format!("smtp://{address}")));
    let tried = async {
        let query = "select count(*) from delivery where attempts > 0 and last_error is not null";
        while number(&post.pool, query).await < 5 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), tried)
        .await
        .expect("attempts");
    assert_eq!(post.count("QUEUED").await, 5);
    // The mailer's restart changes nothing about what is queued.
    post.stop().await;
    post.start(Some(&format!("smtp://{address}")));
    let server = Server::start_on(address).await;
    post.all_sent(5).await;
    assert_eq!(server.arrived().len(), 5);
    post.stop().await;
}

#[tokio::test]
async fn a_refused_mail_is_tried_again_until_it_is_taken() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[
        Mood::Refuses(451),
        Mood::Refuses(550),
        Mood::CutsBeforeTheMessage,
    ]);
    post.queue(1..4).await;
    post.start(Some(&server.url()));
    post.all_sent(3).await;
    post.stop().await;
    let arrived = server.arrived();
    let ids: BTreeSet<String> = arrived
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    assert_eq!((arrived.len(), ids.len()), (3, 3));
    let errors = "select count(*) from delivery where attempts = 2 and last_error is null";
    assert_eq!(number(&post.pool, errors).await, 3);
}

#[tokio::test]
async fn where_the_line_was_cut_after_the_messages_end_it_comes_again_with_the_same_bytes() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[Mood::CutsAfterTheEnd]);
    post.queue(1..2).await;
    post.start(Some(&server.url()));
    post.all_sent(1).await;
    post.stop().await;
    let arrived = server.arrived();
    let confirmed: Vec<bool> = arrived.iter().map(|mail| mail.confirmed).collect();
    assert_eq!(confirmed, [false, true]);
    assert_eq!(arrived[0].text, arrived[1].text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_mailers_send_each_mail_once() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    for _ in 0..3 {
        post.start(Some(&server.url()));
    }
    for n in 0..10 {
        post.queue(n * 20 + 1..n * 20 + 21).await;
    }
    post.all_sent(200).await;
    post.stop().await;
    let arrived = server.arrived();
    let recipients: BTreeSet<&str> = arrived.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!((arrived.len(), recipients.len()), (200, 200));
}

#[tokio::test]
async fn a_shutdown_finishes_the_mail_in_flight_and_begins_no_other() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    let slow = Mood::Slow(Duration::from_millis(700));
    server.will_be(&[slow; 40]);
    post.queue(1..41).await;
    post.start(Some(&server.url()));
    let leased = "select count(*) from delivery where leased_until is not null";
    while number(&post.pool, leased).await < 1 {
        sleep(Duration::from_millis(10)).await;
    }
    post.stop().await;
    let sent = post.count("SENT").await;
    assert!((1..=8).contains(&sent), "{sent} sent");
    assert_eq!(i64::try_from(server.arrived().len()), Ok(sent));
    assert_eq!(number(&post.pool, leased).await, 0);
}

#[tokio::test]
async fn a_server_that_has_fallen_silent_does_not_delay_the_stop() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[Mood::FallsSilent]);
    post.queue(1..2).await;
    post.start(Some(&server.url()));
    post.all_sent(1).await;
    let since = std::time::Instant::now();
    post.stop().await;
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_mail_that_failed_for_a_day_is_kept_as_failed() {
    let (server, mut post) = (Server::start().await, Post::new().await);
    server.will_be(&[Mood::Refuses(550)]);
    post.queue(1..2).await;
    let query = "update delivery set attempts = 295";
    sqlx::query(query)
        .execute(&post.pool)
        .await
        .expect("many attempts");
    post.start(Some(&server.url()));
    let failed = async {
        while post.count("FAILED").await < 1 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), failed)
        .await
        .expect("it is given up");
    post.stop().await;
    assert_eq!(number(&post.pool, "select count(*) from mail").await, 1);
    let why = "select count(*) from delivery where last_error like '%550%'";
    assert_eq!(number(&post.pool, why).await, 1);
}

#[tokio::test]
async fn the_form_of_the_address_says_how_the_line_is_protected() {
    for (form, begins) in [
        ("smtp://ADDRESS", "EHLO"),
        ("smtp://ADDRESS?tls=required", "EHLO"),
        ("smtps://ADDRESS", "\u{16}"),
    ] {
        let (server, mut post) = (Server::start().await, Post::new().await);
        post.queue(1..2).await;
        post.start(Some(&form.replace("ADDRESS", &server.address.to_string())));
        let tried = async {
            while number(
                &post.pool,
                "select count(*) from delivery where attempts > 0 and leased_until is null",
            )
            .await
                < 1
            {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), tried)
            .await
            .expect("an attempt");
        post.stop().await;
        let first = server.first_bytes().remove(0);
        let said = String::from_utf8_lossy(&first);
        assert!(said.starts_with(begins), "{form}: {said}");
        let upgrades = said.contains("STARTTLS\r\n\u{16}");
        assert_eq!(upgrades, form.contains("required"), "{form}: {said}");
        let plain = form == "smtp://ADDRESS";
        assert_eq!(server.arrived().len(), usize::from(plain), "{form}");
    }
}

#[tokio::test]
async fn bad_settings_are_told_at_the_start() {
    let post = Post::new().await;
    for (url, from) in [
        ("http://127.0.0.1:25", FROM),
        ("smtp://", FROM),
        ("smtp://127.0.0.1:25?tls=sometimes", FROM),
        ("smtp://127.0.0.1:25", "nobody"),
    ] {
        let mailer = Mailer::new(post.pool.clone(), Some(url), from);
        assert!(mailer.is_err(), "{url} {from}");
    }
}
