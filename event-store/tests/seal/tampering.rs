//! Whatever is changed behind the log's back is found, and where.

use event_store::seal::Finding;

use crate::shop::{EVENTS, Shop};

/// Makes room at a position, or closes it: as somebody would who wants no hole to be seen.
fn moved(from: i64, by: i64) -> String {
    format!(
        "update events set position = -position where position >= {from};
         update events set position = -position + {by} where position < 0;"
    )
}

fn changed(position: i64) -> Finding {
    Finding::Changed {
        from: position,
        through: position,
    }
}

fn insert_at(position: i64) -> String {
    format!(
        "insert into events select {position}, aggregate_type, gen_random_uuid()::text, 1, event_type, event_version,
            payload, metadata, gen_random_uuid(), recorded_at from events where position = 5;"
    )
}

#[tokio::test]
async fn a_log_that_nobody_touched_passes() {
    let shop = Shop::sealed().await;
    let report = shop.verify().await;
    assert_eq!(report.findings, []);
    assert_eq!((report.head, report.sealed), (EVENTS, EVENTS));
    assert_eq!(report.checkpoints, 3);
}

#[tokio::test]
async fn a_changed_column_of_any_event_is_found() {
    let shop = Shop::sealed().await;
    let changes = [
        (1, "payload = replace(payload::text, 'anne', 'anna')::json"),
        // The same to every reader of JSON.
        (7, "payload = (payload::text || ' ')::json"),
        (
            100,
            "metadata = replace(metadata::text, 'system', 'nobody')::json",
        ),
        (101, "recorded_at = recorded_at + interval '1 microsecond'"),
        (199, "recorded_at = 'infinity'"),
        (256, "event_id = gen_random_uuid()"),
        (257, "event_type = 'Reserved'"),
        (258, "event_version = '2'"),
        (300, "payload = json_build_object('reserved', 1)"),
    ];
    for (position, change) in changes {
        let this = format!("where position = {position}");
        shop.tamper(&format!("create table kept as select * from events {this}"))
            .await;
        shop.tamper(&format!("update events set {change} {this}"))
            .await;
        assert_eq!(
            shop.findings().await,
            [changed(position)],
            "{change} {this}"
        );
        shop.tamper(&format!(
            "delete from events {this}; insert into events select * from kept; drop table kept"
        ))
        .await;
    }
    assert_eq!(shop.findings().await, []);
}

#[tokio::test]
async fn an_event_of_another_stream_or_sequence_is_found() {
    let shop = Shop::sealed().await;
    shop.tamper("update events set aggregate_id = gen_random_uuid()::text where position = 50")
        .await;
    let findings = shop.findings().await;
    assert_eq!(findings[0], changed(50));
    // Neither stream rises by one any more.
    assert_eq!(findings[1..], [50, 53].map(|at| Finding::Sequence { at }));
}

#[tokio::test]
async fn deleted_events_are_found_by_their_hole() {
    let shop = Shop::sealed().await;
    shop.tamper("delete from events where position in (90, 150, 151)")
        .await;
    let findings = shop.findings().await;
    let missing = [(90, 90), (150, 151)].map(|(from, through)| Finding::Missing { from, through });
    assert_eq!(findings[..2], missing);
    let next = [93, 153, 154].map(|at| Finding::Sequence { at });
    assert_eq!(findings[2..], next);
}

#[tokio::test]
async fn an_event_taken_out_is_found_even_where_the_hole_was_closed() {
    let shop = Shop::sealed().await;
    let closed = format!(
        "delete from events where position = 120; {} update log_head set position = 299;",
        moved(121, -1)
    );
    shop.tamper(&closed).await;
    let findings = shop.findings().await;
    let taken = Finding::TakenOut {
        at: 120,
        moved: 299,
    };
    let cut = Finding::CutTail {
        ends: 299,
        ended: 300,
    };
    assert_eq!(findings[..2], [taken, cut]);
}

#[tokio::test]
async fn an_inserted_event_is_found_among_those_that_made_room() {
    let shop = Shop::sealed().await;
    let inserted = format!(
        "{} {} update log_head set position = 301",
        moved(50, 1),
        insert_at(50)
    );
    shop.tamper(&inserted).await;
    let found = Finding::Inserted { at: 50, moved: 300 };
    assert_eq!(shop.findings().await, [found]);
}

#[tokio::test]
async fn an_event_past_the_head_or_at_a_taken_position_is_found() {
    let shop = Shop::sealed().await;
    shop.tamper(&insert_at(301)).await;
    assert_eq!(shop.findings().await, [Finding::Surplus { at: 301 }]);
    let twice = format!(
        "alter table events drop constraint events_position; {} {} {}",
        insert_at(60),
        insert_at(0),
        insert_at(i64::MAX),
    );
    shop.tamper(&twice).await;
    let surplus = Finding::Surplus { at: 60 };
    let findings = shop.findings().await;
    assert!(
        findings.contains(&surplus) || findings.contains(&changed(60)),
        "{findings:?}"
    );
    for at in [0, 301, i64::MAX] {
        assert!(findings.contains(&Finding::Surplus { at }), "{findings:?}");
    }
}

#[tokio::test]
async fn swapped_events_are_found_both() {
    let shop = Shop::sealed().await;
    for (first, second) in [(40, 41), (99, 101), (41, 290)] {
        let swap = format!(
            "update events set position = -1 where position = {first};
             update events set position = {first} where position = {second};
             update events set position = {second} where position = -1;"
        );
        shop.tamper(&swap).await;
        let findings = shop.findings().await;
        assert_eq!(findings[0], Finding::Swapped { first, second });
        shop.tamper(&swap).await;
        assert_eq!(shop.findings().await, []);
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found_whatever_the_head_says() {
    let shop = Shop::sealed().await;
    shop.tamper("delete from events where position > 280").await;
    let cut = Finding::CutTail {
        ends: 280,
        ended: 300,
    };
    assert_eq!(shop.findings().await, *std::slice::from_ref(&cut));
    shop.tamper("update log_head set position = 280").await;
    assert_eq!(shop.findings().await, *std::slice::from_ref(&cut));
    // Without their leaves, the events since the last checkpoint that is still whole can't be told from others.
    shop.tamper("delete from seal where tile > 0").await;
    let range = Finding::Range {
        after: 200,
        through: 300,
    };
    assert_eq!(shop.findings().await, [cut, range]);
}

#[tokio::test]
async fn a_changed_event_is_located_between_two_checkpoints_where_its_leaf_was_changed_too() {
    let shop = Shop::sealed().await;
    shop.tamper(
        "update events set payload = (payload::text || ' ')::json where position = 150;
         update seal set leaves = overlay(leaves placing sha256('forged') from 149 * 32 + 1) where tile = 0",
    )
    .await;
    let range = Finding::Range {
        after: 100,
        through: 200,
    };
    assert_eq!(shop.findings().await, [range]);
}

#[tokio::test]
async fn a_changed_leaf_of_a_good_event_is_told_as_such() {
    let shop = Shop::sealed().await;
    shop.tamper(
        "update seal set leaves = overlay(leaves placing sha256('forged') from 149 * 32 + 1) where tile = 0",
    )
    .await;
    let table = Finding::Table {
        from: 150,
        through: 150,
    };
    assert_eq!(shop.findings().await, [table]);
}

#[tokio::test]
async fn a_chain_that_was_made_anew_over_a_changed_log_is_found() {
    let shop = Shop::sealed().await;
    shop.tamper(
        "update events set payload = (payload::text || ' ')::json where position = 150;
         delete from seal; delete from seal_checkpoint",
    )
    .await;
    let elsewhere = tempfile::tempdir().unwrap();
    let state = shop.seal_in(elsewhere.path()).await;
    assert_eq!((state.sealed, state.trouble), (EVENTS, None));
    let range = Finding::Range {
        after: 100,
        through: 200,
    };
    assert_eq!(shop.findings().await, [range]);
}

#[tokio::test]
async fn findings_are_told_with_their_positions() {
    let shop = Shop::sealed().await;
    shop.tamper("delete from events where position > 280").await;
    let texts: Vec<_> = shop
        .findings()
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        ["cut off: the log ends at position 280, it went on to 300"]
    );
}
