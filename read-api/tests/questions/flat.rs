//! A page costs the same wherever it is in a long log.

use std::time::{Duration, Instant};

use service::Service::Operator;
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::World;

const EVENTS: i64 = 1_000_000;
const ROUNDS: usize = 41;
const HOT: Uuid = Uuid::from_u128(1);
const ALICE: Uuid = Uuid::from_u128(2);

/// Of ten events four are of one stock record, three of other ones, two of orders, one of a session; every thousandth
/// is an account's. Half are anonymous; alice made every five hundredth. A tenth is of one request.
async fn filled(pool: &PgPool) {
    sqlx::query(
        "insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select n,
                case when n % 1000 = 0 then 'account' when n % 10 < 7 then 'stock' when n % 10 < 9 then 'order'
                     else 'session' end,
                case when n % 10 < 4 and n % 1000 > 0 then $2::text
                     else md5((n / 5)::text || n % 10)::uuid::text end,
                n,
                case when n % 1000 = 0 then 'registered' when n % 10 < 7 then 'reserved' when n % 10 = 7 then 'placed'
                     when n % 10 = 8 then 'changed' else 'started' end,
                '1', '{\"happened\": {}}',
                json_build_object(
                    'actor', case when n % 500 = 1 then $3::text when n % 2 = 0 then 'anonymous'
                                  else md5((n % 10007)::text)::uuid::text end,
                    'correlation_id', case when n % 10 = 3 then 'nightly' else (n / 3)::text end),
                md5(n::text)::uuid, timestamptz '2026-01-01' + n / 2 * interval '10 milliseconds'
         from generate_series(1, $1) as n",
    )
    .bind(EVENTS)
    .bind(HOT.to_string())
    .bind(ALICE.to_string())
    .execute(pool)
    .await
    .expect("the log is filled");
    for statement in [
        "update log_head set position = 1000000",
        "vacuum analyze events",
    ] {
        sqlx::query(statement).execute(pool).await.expect(statement);
    }
}

/// Where the last page begins of what holds this condition.
async fn before_the_last_page(pool: &PgPool, condition: &str) -> i64 {
    sqlx::query_scalar(&format!(
        "select position from events where {condition} order by position desc offset 50 limit 1"
    ))
    .fetch_one(pool)
    .await
    .expect("more than a page")
}

async fn asked(world: &World, token: &str, path: &str) -> Duration {
    let begun = Instant::now();
    let answer = world.get(Operator, path).token(token).await;
    let took = begun.elapsed();
    assert_eq!(answer.array().len(), 50, "{path}");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "fills a database with a million events: about a minute"]
async fn the_last_page_of_a_million_events_takes_as_long_as_the_first() {
    let world = World::new().await;
    let pool = world.reader.log.pool();
    filled(pool).await;
    let token = world.admin();
    let mut slow = Vec::new();
    let (actor, request) = ("metadata->>'actor'", "metadata->>'correlation_id'");
    for (filter, condition) in [
        (String::new(), "true".to_owned()),
        (
            "&aggregate_type=order".to_owned(),
            "aggregate_type = 'order'".to_owned(),
        ),
        (
            "&aggregate_type=account".to_owned(),
            "aggregate_type = 'account'".to_owned(),
        ),
        (
            "&event_type=reserved".to_owned(),
            "event_type = 'reserved'".to_owned(),
        ),
        (
            "&event_type=registered".to_owned(),
            "event_type = 'registered'".to_owned(),
        ),
        (
            "&aggregate_type=order&event_type=changed".to_owned(),
            "event_type = 'changed'".to_owned(),
        ),
        (
            format!("&aggregate_id={HOT}"),
            format!("aggregate_id = '{HOT}'"),
        ),
        (
            format!("&aggregate_type=stock&aggregate_id={HOT}"),
            format!("aggregate_id = '{HOT}'"),
        ),
        (
            "&actor=anonymous".to_owned(),
            format!("{actor} = 'anonymous'"),
        ),
        (format!("&actor={ALICE}"), format!("{actor} = '{ALICE}'")),
        (
            "&correlation_id=nightly".to_owned(),
            format!("{request} = 'nightly'"),
        ),
        (
            "&from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z".to_owned(),
            "true".to_owned(),
        ),
        (
            "&from=2026-01-01T00:10:00Z&aggregate_type=order".to_owned(),
            "aggregate_type = 'order'".to_owned(),
        ),
        (
            format!("&to=2026-12-31T00:00:00Z&aggregate_id={HOT}"),
            format!("aggregate_id = '{HOT}'"),
        ),
    ] {
        let after = before_the_last_page(pool, &condition).await;
        let first = format!("/audit?limit=50{filter}");
        let last = format!("{first}&after={after}");
        let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            firsts.push(asked(&world, &token, &first).await);
            lasts.push(asked(&world, &token, &last).await);
        }
        let (first, last) = (median(firsts), median(lasts));
        let ratio = last.as_secs_f64() / first.as_secs_f64();
        println!("{ratio:.2} {first:?} {last:?} {filter}");
        if ratio > 1.5 || last > Duration::from_millis(100) {
            slow.push(format!("{filter}: {first:?}, then {last:?}"));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
