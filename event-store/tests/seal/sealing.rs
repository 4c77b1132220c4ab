//! Whatever stops it, sealing goes on where it ended, or says why not.

use std::time::{Duration, Instant};

use event_store::EventStore;
use event_store::seal::Finding;

use crate::shop::{EVENTS, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_sealed_within_a_second() {
    let shop = Shop::open().await;
    let mut sealer = shop.running();
    sealer.has_sealed(4).await;
    for through in [5, 700, 701] {
        shop.grow_to(through).await;
        let begun = Instant::now();
        sealer.has_sealed(through).await;
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    sealer.stop().await;
    assert_eq!(shop.findings().await, []);
}

#[tokio::test]
async fn whoever_stops_seals_what_is_left() {
    let shop = Shop::open().await;
    let mut sealer = shop.running();
    sealer.has_sealed(4).await;
    shop.grow_to(40).await;
    let begun = Instant::now();
    sealer.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    let report = shop.verify().await;
    assert_eq!((report.sealed, report.findings), (40, vec![]));
}

#[tokio::test]
async fn a_long_log_is_sealed_in_parts() {
    let shop = Shop::open().await;
    shop.tamper(
        "insert into events select n, aggregate_type, gen_random_uuid()::text, 1, event_type, event_version, payload,
            metadata, gen_random_uuid(), recorded_at from events, generate_series(5, 12000) n where position = 4;
         update log_head set position = 12000",
    )
    .await;
    let mut sealer = shop.running();
    sealer.has_sealed(12_000).await;
    sealer.stop().await;
    let report = shop.verify().await;
    assert_eq!((report.sealed, report.checkpoints), (12_000, 2));
    assert_eq!(report.findings, []);
}

#[tokio::test]
async fn a_line_that_a_crash_kept_out_of_the_files_gets_there() {
    let shop = Shop::open().await;
    let mut through = 4;
    // Of the line, as much as the crash let through: nothing, something, all but its end.
    for kept in [0, 1, 100, usize::MAX] {
        through += 1;
        shop.grow_to(through).await;
        shop.seal().await;
        let whole = shop.written();
        let (name, text) = whole
            .iter()
            .find(|(name, _)| name.starts_with("checkpoints-"))
            .unwrap();
        let last = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
        let cut = text
            .len()
            .min(last.saturating_add(kept))
            .min(text.len() - 1);
        let cut = if kept == 0 { last } else { cut };
        std::fs::write(shop.folder().join("audit").join(name), &text[..cut]).unwrap();
        assert_ne!(shop.written(), whole);
        let state = shop.seal().await;
        assert_eq!((state.sealed, state.trouble), (through, None));
        assert_eq!(shop.written(), whole, "after {kept} bytes");
    }
    assert_eq!(shop.findings().await, []);
}

#[tokio::test]
async fn a_killed_sealer_is_taken_up_by_the_next() {
    let shop = Shop::open().await;
    for round in 0_i64..6 {
        let sealer = shop.running();
        shop.grow_to(10 + round * 10).await;
        let moment = Duration::from_millis(u64::try_from(round * 13).unwrap());
        tokio::time::sleep(moment).await;
        sealer.kill().await;
    }
    let mut sealer = shop.running();
    sealer.has_sealed(60).await;
    sealer.stop().await;
    assert_eq!(shop.findings().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_sealers_one_seals_and_the_other_takes_over() {
    let shop = Shop::open().await;
    let mut first = shop.running();
    first.has_sealed(4).await;
    let mut second = shop.running();
    shop.grow_to(30).await;
    first.has_sealed(30).await;
    // It tells what it sees of the other's work.
    second.has_sealed(30).await;
    first.kill().await;
    shop.grow_to(60).await;
    second.has_sealed(60).await;
    let third = shop.running();
    shop.grow_to(90).await;
    tokio::join!(second.stop(), third.stop());
    let report = shop.verify().await;
    assert_eq!((report.sealed, report.findings), (90, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_mended() {
    let shop = Shop::open().await;
    let mut sealer = shop.running();
    sealer.has_sealed(4).await;
    for through in [20, 40, 60] {
        shop.tamper(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .await;
        shop.grow_to(through).await;
        sealer.has_sealed(through).await;
    }
    sealer.stop().await;
    assert_eq!(shop.findings().await, []);
}

/// The sealer refuses, saying so, and writes nothing.
async fn refuses(shop: &Shop, reason: &str) {
    let written = shop.written();
    let mut sealer = shop.running();
    let trouble = sealer.is_in_trouble().await;
    assert!(trouble.contains(reason), "{trouble}");
    sealer.stop().await;
    assert_eq!(shop.written(), written);
}

#[tokio::test]
async fn files_that_know_more_than_the_database_are_not_gone_against() {
    let shop = Shop::sealed().await;
    let pool = shop.database.pool();
    let latest = "select line from seal_checkpoint";
    let line: String = sqlx::query_scalar(latest).fetch_one(&pool).await.unwrap();
    shop.grow_to(EVENTS + 10).await;
    shop.seal().await;
    // An older database: its events, its table, its checkpoint.
    shop.tamper(&format!(
        "delete from events where position > {EVENTS}; update log_head set position = {EVENTS};
         update seal set leaves = substring(leaves for 44 * 32) where tile = 1;
         update seal_checkpoint set line = '{line}'"
    ))
    .await;
    refuses(
        &shop,
        "know the log up to position 310, the database was sealed up to 300",
    )
    .await;
    shop.tamper("delete from seal; delete from seal_checkpoint")
        .await;
    refuses(
        &shop,
        "know the log up to position 310, the database was sealed up to 0",
    )
    .await;
}

#[tokio::test]
async fn files_that_were_taken_away_are_missed() {
    let shop = Shop::sealed().await;
    shop.rewrite(|lines| lines.truncate(1));
    refuses(&shop, "files were taken away or changed").await;
    shop.rewrite(Vec::clear);
    refuses(&shop, "files were taken away or changed").await;
}

#[tokio::test]
async fn tables_that_are_not_what_was_signed_are_not_built_upon() {
    let shop = Shop::sealed().await;
    shop.tamper("update seal set root = sha256('forged') where tile = 0")
        .await;
    refuses(&shop, "table seal is not what was signed at position 300").await;
}

#[tokio::test]
async fn a_log_with_a_hole_or_a_cut_tail_is_not_sealed_on() {
    let shop = Shop::sealed().await;
    shop.grow_to(EVENTS + 10).await;
    shop.tamper("delete from events where position = 305").await;
    refuses(&shop, "the log lacks position 305").await;
    shop.tamper("delete from events where position > 290; update log_head set position = 290")
        .await;
    refuses(
        &shop,
        "the log ends at position 290, but was sealed up to 300",
    )
    .await;
}

#[tokio::test]
async fn in_a_new_place_a_log_is_sealed_anew_only_when_somebody_says_so() {
    let mut shop = Shop::sealed().await;
    shop.folder = tempfile::tempdir().unwrap();
    let trouble = shop.seal().await.trouble.unwrap();
    let reason = "the log was sealed in another directory, up to position 300, by key";
    assert!(trouble.contains(reason), "{trouble}");
    shop.tamper("delete from seal; delete from seal_checkpoint")
        .await;
    let state = shop.seal().await;
    assert_eq!((state.sealed, state.trouble), (EVENTS, None));
    let report = shop.verify().await;
    assert_eq!((report.checkpoints, report.findings), (1, vec![]));
}

#[tokio::test]
async fn another_key_in_the_same_place_is_refused() {
    let shop = Shop::sealed().await;
    std::fs::remove_file(shop.folder().join("signing.key")).unwrap();
    refuses(&shop, "signed by this key").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_processes_append_in_between_is_sealed_in_its_place() {
    let shop = Shop::open().await;
    let other = EventStore::open(shop.database.pool()).await.unwrap();
    let mut sealer = shop.running();
    sealer.has_sealed(4).await;
    tokio::join!(
        shop.grow_by(&shop.store, 0, 200),
        shop.grow_by(&other, 1, 200)
    );
    sealer.has_sealed(404).await;
    sealer.stop().await;
    assert_eq!(shop.findings().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_sealed_as_it_was_appended_even_if_it_was_changed_in_between() {
    let shop = Shop::open().await;
    let mut sealer = shop.running();
    sealer.has_sealed(4).await;
    shop.grow_to(10).await;
    shop.tamper("update events set payload = (payload::text || ' ')::json where position = 8")
        .await;
    sealer.has_sealed(10).await;
    sealer.stop().await;
    let changed = Finding::Changed {
        from: 8,
        through: 8,
    };
    assert_eq!(shop.findings().await, [changed]);
}
