use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, header},
};
use uuid::Uuid;

use super::{ConsistencyToken, REMEMBERED, RecentWrites};
use crate::{
    Profile,
    testing::{ask, common, request, shop, token},
};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const ALICE: Option<Uuid> = Some(Uuid::from_u128(1));
const BOB: Option<Uuid> = Some(Uuid::from_u128(2));

#[test]
fn a_token_comes_back_as_its_position() {
    for position in [0, 1, 42, i64::MAX] {
        let text = ConsistencyToken(position).to_string();
        assert_eq!(
            text.parse::<ConsistencyToken>().unwrap(),
            ConsistencyToken(position)
        );
    }
}

#[test]
fn what_is_no_token_is_a_400() {
    let good = ConsistencyToken(42).to_string();
    let negative = ConsistencyToken(-1).to_string();
    let changed = good.replacen('A', "B", 1);
    for text in [
        "",
        "42",
        "é",
        "AAAA",
        &good[1..],
        &format!("{good}AAAA"),
        &changed,
        &negative,
    ] {
        assert_eq!(
            text.parse::<ConsistencyToken>().unwrap_err().slug(),
            "bad-consistency-token",
            "{text}"
        );
    }
}

#[test]
fn a_user_sees_own_writes_from_anywhere_and_not_those_of_others() {
    let writes = RecentWrites::default();
    writes.record(ALICE, HOME, 7);
    assert_eq!(writes.of(ALICE, OFFICE), Some(7));
    assert_eq!(writes.of(BOB, HOME), None);
}

#[test]
fn whoever_is_anonymous_is_known_by_the_address() {
    let writes = RecentWrites::default();
    writes.record(None, HOME, 3);
    writes.record(ALICE, HOME, 7);
    assert_eq!(writes.of(None, HOME), Some(7));
    assert_eq!(writes.of(None, OFFICE), None);
    assert_eq!(writes.of(BOB, HOME), Some(3), "written before logging in");
}

#[test]
fn the_latest_write_counts_in_whatever_order_they_end() {
    let writes = RecentWrites::default();
    writes.record(ALICE, HOME, 9);
    writes.record(ALICE, HOME, 8);
    assert_eq!(writes.of(ALICE, HOME), Some(9));
}

#[test]
fn writes_are_forgotten_after_a_while_but_not_too_early() {
    let writes = RecentWrites::default();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    writes.record_at(ALICE, HOME, 1, after(9));
    assert_eq!(writes.of_at(ALICE, HOME, after(18)), Some(1));
    assert_eq!(writes.of_at(ALICE, HOME, after(29)), None);
    writes.record_at(ALICE, HOME, 2, after(30));
    assert_eq!(writes.of_at(ALICE, HOME, after(300)), None);
}

#[test]
fn many_writers_do_not_grow_it_without_bound() {
    let writes = RecentWrites::default();
    for user in 0..REMEMBERED as u128 * 3 {
        writes.record(Some(Uuid::from_u128(user)), HOME, 1);
    }
    let generations = writes.0.lock().unwrap();
    assert!(generations.current.len() + generations.previous.len() <= 2 * (REMEMBERED + 2));
}

fn from(address: IpAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request =
        request(method, path).extension(ConnectInfo(std::net::SocketAddr::new(address, 4711)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

const THING: &str = "/thing/0197a3c2-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_write_answers_with_a_token_and_the_writers_next_read_knows_it() {
    let common = common(Profile::Dev);
    let shop = shop(&common);
    let bearer = format!("Bearer {}", token(&common, "customer"));
    let signed = [(header::AUTHORIZATION.as_str(), bearer.as_str())];

    let wrote = ask(&shop, from(HOME, Method::DELETE, THING, &signed)).await;
    assert_eq!(wrote.status, 204);
    let text = wrote.header("consistency-token").unwrap().to_owned();

    assert_eq!(
        ask(&shop, from(OFFICE, Method::GET, "/seen", &signed))
            .await
            .text(),
        "Some(41)"
    );
    assert_eq!(
        ask(&shop, from(HOME, Method::GET, "/seen", &[]))
            .await
            .text(),
        "Some(41)"
    );
    assert_eq!(
        ask(&shop, from(OFFICE, Method::GET, "/seen", &[]))
            .await
            .text(),
        "None"
    );
    let told = [("consistency-token", text.as_str())];
    assert_eq!(
        ask(&shop, from(OFFICE, Method::GET, "/seen", &told))
            .await
            .text(),
        "Some(41)"
    );
}

#[tokio::test]
async fn the_later_of_token_and_own_write_counts() {
    let common = common(Profile::Dev);
    common.recent_writes().record(None, HOME, 50);
    let shop = shop(&common);
    for (token, expected) in [(60, "Some(60)"), (40, "Some(50)")] {
        let text = ConsistencyToken(token).to_string();
        let told = [("consistency-token", text.as_str())];
        assert_eq!(
            ask(&shop, from(HOME, Method::GET, "/seen", &told))
                .await
                .text(),
            expected
        );
    }
}

#[tokio::test]
async fn a_write_with_a_token_that_is_none_is_refused_and_with_a_good_one_is_done() {
    let shop = shop(&common(Profile::Dev));
    for (method, path) in [
        (Method::DELETE, THING),
        (Method::PUT, THING),
        (Method::POST, "/thing"),
    ] {
        let told = [("consistency-token", "nonsense")];
        let refused = ask(&shop, from(HOME, method, path, &told)).await;
        refused.is_problem(400, "bad-consistency-token");
        assert_eq!(refused.header("consistency-token"), None);
    }
    let good = ConsistencyToken(1).to_string();
    let told = [("consistency-token", good.as_str())];
    let done = ask(&shop, from(HOME, Method::DELETE, THING, &told)).await;
    assert_eq!(done.status, 204);
}

#[tokio::test]
async fn a_read_with_a_token_that_is_none_is_refused() {
    let shop = shop(&common(Profile::Dev));
    let told = [("consistency-token", "nonsense")];
    ask(&shop, from(HOME, Method::GET, "/seen", &told))
        .await
        .is_problem(400, "bad-consistency-token");
    let twice = ConsistencyToken(1).to_string();
    let told = [
        ("consistency-token", twice.as_str()),
        ("consistency-token", twice.as_str()),
    ];
    ask(&shop, from(HOME, Method::GET, "/seen", &told))
        .await
        .is_problem(400, "malformed");
}
