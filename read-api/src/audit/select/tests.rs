//! Which way the database goes, with statistics and without.

use embedded_postgres::testing;
use uuid::Uuid;

use super::*;

const EVENTS: i64 = 20_000;
const THING: Uuid = Uuid::from_u128(7);

/// Two kinds of events, one of them nearly all; few people, one of them nearly always; 40 requests.
async fn filled(pool: &PgPool) {
    sqlx::query(
        "insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select n, case when n % 1000 = 0 then 'order' else 'stock' end,
                case when n % 1000 = 0 then gen_random_uuid()::text else $2 end,
                case when n % 1000 = 0 then 1 else n - n / 1000 end,
                case when n % 1000 = 0 then 'placed' else 'reserved' end, '1', '{}',
                json_build_object('actor', case when n % 500 = 0 then 'alice' else 'anonymous' end,
                                  'correlation_id', 'request-' || n % 40),
                gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second'
         from generate_series(1, $1) as n",
    )
    .bind(EVENTS)
    .bind(THING.to_string())
    .execute(pool)
    .await
    .expect("the log is filled");
    sqlx::query("update log_head set position = $1")
        .bind(EVENTS)
        .execute(pool)
        .await
        .expect("the head moves");
}

/// The plan of the page in the middle of the log.
async fn plan(pool: &PgPool, filter: &Filter) -> String {
    let range = Range {
        after: EVENTS / 2,
        through: EVENTS - 10,
    };
    let mut transaction = guided(pool).await.expect("a transaction");
    let walks = walks(&mut transaction, filter, range)
        .await
        .expect("ways that lead there");
    let mut query = QueryBuilder::<Postgres>::new("explain (analyze, costs off, timing off) ");
    walk::push(&mut query, &walks, filter, 51);
    let lines: Vec<String> = query
        .build_query_scalar()
        .fetch_all(&mut *transaction)
        .await
        .expect("a plan");
    lines.join("\n")
}

/// With the names of the indexes that may lead there.
fn filters() -> Vec<(Filter, &'static str)> {
    let text = |text: &str| Some(text.to_owned());
    let none = Filter::default;
    #[rustfmt::skip]
    let filters = vec![
        (none(), "events_position"),
        (Filter { aggregate_type: text("order"), ..none() }, "events_kind"),
        (Filter { event_type: text("reserved"), ..none() }, "events_kind"),
        (Filter { aggregate_type: text("stock"), event_type: text("reserved"), ..none() }, "events_kind"),
        (Filter { actor: text("alice"), ..none() }, "events_actor"),
        (Filter { actor: text("anonymous"), ..none() }, "events_actor"),
        (Filter { actor: text("alice"), event_type: text("placed"), ..none() }, "events_actor"),
        (Filter { actor: text("anonymous"), event_type: text("placed"), ..none() }, "events_kind"),
        (Filter { correlation_id: text("request-7"), ..none() }, "events_correlation"),
        (Filter { correlation_id: text("request-7"), actor: text("alice"), ..none() }, "events_correlation"),
        (Filter { aggregate_id: Some(THING), ..none() }, "events_stream"),
        (Filter { aggregate_id: Some(THING), aggregate_type: text("stock"), ..none() }, "events_stream"),
        (Filter { aggregate_id: Some(THING), event_type: text("placed"), ..none() }, "events_stream"),
    ];
    filters
}

async fn every_way_is_an_index(pool: &PgPool) {
    for (filter, index) in filters() {
        let plan = plan(pool, &filter).await;
        let scans: Vec<&str> = plan.lines().filter(|line| line.contains("Scan")).collect();
        let along = |scan: &&str| scan.contains(&format!("Index Scan using {index} on events"));
        let known = |scan: &&str| along(scan) || scan.contains("Subquery Scan");
        assert!(scans.iter().any(along), "{filter:?}\n{plan}");
        assert!(scans.iter().all(known), "{filter:?}\n{plan}");
        assert!(plan.contains("Index Cond: "), "{filter:?}\n{plan}");
    }
}

#[tokio::test]
async fn every_filter_is_a_walk_along_its_index_with_statistics_and_without() {
    let database = testing::database(&event_store::MIGRATOR).await;
    let pool = database.pool();
    filled(&pool).await;
    every_way_is_an_index(&pool).await;
    sqlx::query("analyze events")
        .execute(&pool)
        .await
        .expect("statistics");
    every_way_is_an_index(&pool).await;
}

#[tokio::test]
async fn a_walk_looks_at_no_more_than_its_page() {
    let database = testing::database(&event_store::MIGRATOR).await;
    let pool = database.pool();
    filled(&pool).await;
    for (filter, _) in filters() {
        let mixed = filter.actor.is_some() && filter.event_type.is_some()
            || filter.correlation_id.is_some() && filter.actor.is_some()
            || filter.aggregate_id.is_some() && filter.event_type.is_some();
        let plan = plan(&pool, &filter).await;
        let looked_in_vain = plan.contains("Rows Removed by Filter");
        assert!(mixed || !looked_in_vain, "{filter:?}\n{plan}");
    }
}

#[tokio::test]
async fn a_place_is_found_by_time_and_by_position() {
    let database = testing::database(&event_store::MIGRATOR).await;
    let pool = database.pool();
    filled(&pool).await;
    let mut connection = pool.acquire().await.expect("a connection");
    let time = |text: &str| text.parse().expect("RFC 3339");
    for (at, by, before) in [
        ("2025-12-31T23:59:59Z", 0, 0),
        ("2026-01-01T00:00:00Z", 0, 0),
        ("2026-01-01T00:00:01Z", 1, 0),
        ("2026-01-01T00:00:01.000000500Z", 1, 1),
        ("2026-01-01T00:00:01.999999999Z", 1, 1),
        ("2026-01-01T01:00:00Z", 3_600, 3_599),
        ("9999-12-31T23:59:59Z", EVENTS, EVENTS),
    ] {
        let found = recorded_by(&mut connection, time(at)).await.expect(at);
        assert_eq!(found, by, "{at}");
        let found = recorded_before(&mut connection, time(at)).await.expect(at);
        assert_eq!(found, before, "{at}");
    }
    for (after, through, expected) in [
        (0, i64::MAX, (0, i64::MAX)),
        (1, 3, (1, 3)),
        (1_000, 2_000, (999, 1_998)),
        (EVENTS, i64::MAX, (19_980, i64::MAX)),
    ] {
        let range = Range { after, through };
        let found = within(&mut connection, "stock", &THING.to_string(), range)
            .await
            .expect("a range");
        assert_eq!((found.after, found.through), expected);
    }
}
