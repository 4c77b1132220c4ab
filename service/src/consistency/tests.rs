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

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{ConsistencyToken, REMEMBERED, RecentWrites, Stream};
use crate::{
    Profile,
    testing::{ask, common, request, shop, token},
};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const ALICE: Option<Uuid> = Some(Uuid::from_u128(1));
const BOB: Option<Uuid> = Some(Uuid::from_u128(2));

fn stream(topic: u8, key: u128, position: i64) -> Stream {
    Stream {
        topic,
        key: Uuid::from_u128(key),
        position,
    }
}

fn at(position: i64) -> ConsistencyToken {
    ConsistencyToken::at(position)
}

#[track_caller]
fn comes_back(token: &ConsistencyToken) -> String {
    let text = token.to_string();
    assert_eq!(&text.parse::<ConsistencyToken>().unwrap(), token, "{text}");
    text
}

#[test]
fn a_token_comes_back_as_it_was() {
    for position in [0, 1, 42, i64::MAX] {
        assert_eq!(comes_back(&at(position)).len(), 16);
        comes_back(&ConsistencyToken::of(
            position,
            [stream(2, 7, position), stream(1, 8, 0)],
        ));
    }
    let many = (0..16).map(|key| stream(255, key, 1 << key));
    comes_back(&ConsistencyToken::of(1 << 40, many));
}

#[test]
fn a_token_of_an_order_fits_a_header_well() {
    let token = ConsistencyToken::of(1_000_000, [stream(2, 7, 1_000_000), stream(1, 8, 999_999)]);
    assert_eq!(comes_back(&token).len(), 64);
}

#[test]
fn the_order_in_which_streams_are_told_does_not_matter_and_the_last_position_of_each_counts() {
    let one = ConsistencyToken::of(9, [stream(2, 1, 7), stream(1, 1, 9), stream(2, 1, 8)]);
    let other = ConsistencyToken::of(9, [stream(1, 1, 9), stream(2, 1, 8)]);
    assert_eq!(one, other);
    assert_eq!(one.streams(), [stream(1, 1, 9), stream(2, 1, 8)]);
    assert_eq!(ConsistencyToken::of(3, [stream(1, 1, 5)]).position(), 5);
}

#[test]
fn of_a_write_to_very_many_streams_the_position_alone_is_known() {
    let of = |streams| ConsistencyToken::of(99, (0..streams).map(|key| stream(1, key, 9)));
    assert_eq!(of(16).streams().len(), 16);
    assert_eq!(of(17), at(99));
}

#[test]
fn two_writes_are_shown_where_each_stream_of_either_is() {
    let one = ConsistencyToken::of(9, [stream(1, 1, 9), stream(2, 1, 8)]);
    let other = ConsistencyToken::of(12, [stream(1, 1, 5), stream(3, 1, 12)]);
    let both = ConsistencyToken::of(12, [stream(1, 1, 9), stream(2, 1, 8), stream(3, 1, 12)]);
    assert_eq!(one.and(&other), both);
    assert_eq!(other.and(&one), both);
    assert_eq!(one.and(&one), one);
}

#[test]
fn with_a_write_of_unknown_streams_the_position_alone_tells() {
    let known = ConsistencyToken::of(9, [stream(1, 1, 9)]);
    for (unknown, position) in [(3, 9), (9, 9), (11, 11)] {
        assert_eq!(known.and(&at(unknown)), at(position));
        assert_eq!(at(unknown).and(&known), at(position));
    }
    let of = |key| ConsistencyToken::of(9, (key..key + 9).map(|key| stream(1, key, 9)));
    assert_eq!(of(0).and(&of(100)), at(9), "too many together");
}

/// A text with a right check, whatever it says.
fn forged(position: i64, rest: &[&[u8]]) -> String {
    let mut bytes = position.to_be_bytes().to_vec();
    bytes.extend(rest.concat());
    let check = Sha256::new()
        .chain_update("consistency token ")
        .chain_update(&bytes)
        .finalize();
    bytes.extend(&check[..4]);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn what_is_no_token_is_a_400() {
    let good = at(42).to_string();
    let rich = ConsistencyToken::of(42, [stream(1, 7, 41)]).to_string();
    let (low, high) = ([1; 17], [2; 17]);
    let many: Vec<_> = (0..17)
        .flat_map(|topic| [vec![topic; 17], vec![0]])
        .collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(forged(42, &[]), good);
    assert!(
        forged(42, &[&low, &[1], &high, &[0x80, 1]])
            .parse::<ConsistencyToken>()
            .is_err()
    );
    assert!(
        forged(420, &[&low, &[1], &high, &[0x80, 1]])
            .parse::<ConsistencyToken>()
            .is_ok()
    );
    for text in [
        "",
        "42",
        "é",
        "AAAA",
        &good[1..],
        &format!("{good}AAAA"),
        &format!("{good}="),
        &good.replacen('A', "B", 1),
        &rich[..rich.len() - 4],
        &rich.replacen('A', "B", 1),
        &forged(-1, &[]),
        &forged(-1, &[&low, &[0]]),
        &forged(42, &[&low]),
        &forged(42, &[&low, &[0x80]]),
        &forged(42, &[&low, &[43]]),
        &forged(42, &[&low, &[0x81, 0]]),
        &forged(42, &[&low, &[0xff; 9], &[0x7f]]),
        &forged(42, &[&high, &[0], &low, &[0]]),
        &forged(42, &[&low, &[0], &low, &[1]]),
        &forged(42, &many),
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
    writes.record(ALICE, HOME, &at(7));
    assert_eq!(writes.of(ALICE, OFFICE), Some(at(7)));
    assert_eq!(writes.of(BOB, HOME), None);
}

#[test]
fn whoever_is_anonymous_is_known_by_the_address() {
    let writes = RecentWrites::default();
    writes.record(None, HOME, &at(3));
    writes.record(ALICE, HOME, &at(7));
    assert_eq!(writes.of(None, HOME), Some(at(7)));
    assert_eq!(writes.of(None, OFFICE), None);
    assert_eq!(
        writes.of(BOB, HOME),
        Some(at(3)),
        "written before logging in"
    );
}

#[test]
fn the_latest_write_counts_in_whatever_order_they_end() {
    let writes = RecentWrites::default();
    writes.record(ALICE, HOME, &at(9));
    writes.record(ALICE, HOME, &at(8));
    assert_eq!(writes.of(ALICE, HOME), Some(at(9)));
}

#[test]
fn what_a_writer_did_in_two_writes_is_remembered_of_both() {
    let of = |key, position| ConsistencyToken::of(position, [stream(1, key, position)]);
    let writes = RecentWrites::default();
    writes.record(ALICE, HOME, &of(1, 7));
    writes.record(None, HOME, &of(2, 8));
    assert_eq!(writes.of(ALICE, OFFICE), Some(of(1, 7)));
    assert_eq!(writes.of(ALICE, HOME), Some(of(1, 7).and(&of(2, 8))));
    assert_eq!(writes.of(None, HOME), Some(of(1, 7).and(&of(2, 8))));
    writes.record(ALICE, HOME, &at(6));
    assert_eq!(
        writes.of(ALICE, OFFICE),
        Some(at(7)),
        "nothing is known of the last one's streams"
    );
}

#[test]
fn what_was_written_before_and_after_the_window_turned_counts() {
    let of = |key, position| ConsistencyToken::of(position, [stream(1, key, position)]);
    let writes = RecentWrites::default();
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    writes.record_at(ALICE, HOME, &of(1, 7), after(9));
    writes.record_at(ALICE, HOME, &of(2, 8), after(12));
    assert_eq!(
        writes.of_at(ALICE, HOME, after(13)),
        Some(of(1, 7).and(&of(2, 8)))
    );
}

#[test]
fn writes_are_forgotten_after_a_while_but_not_too_early() {
    let writes = RecentWrites::default();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    writes.record_at(ALICE, HOME, &at(1), after(9));
    assert_eq!(writes.of_at(ALICE, HOME, after(18)), Some(at(1)));
    assert_eq!(writes.of_at(ALICE, HOME, after(29)), None);
    writes.record_at(ALICE, HOME, &at(2), after(30));
    assert_eq!(writes.of_at(ALICE, HOME, after(300)), None);
}

#[test]
fn many_writers_do_not_grow_it_without_bound() {
    let writes = RecentWrites::default();
    for user in 0..REMEMBERED as u128 * 3 {
        writes.record(Some(Uuid::from_u128(user)), HOME, &at(1));
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
async fn behind_a_proxy_of_ours_the_writer_is_whom_it_names() {
    let common = common(Profile::Dev).behind(HOME.to_string().parse().unwrap());
    let shop = shop(&common);
    let seen = async |address, forwarded: &'static str| {
        let headers = [("x-forwarded-for", forwarded)];
        let read = from(address, Method::GET, "/seen", &headers);
        ask(&shop, read).await.text()
    };
    let headers = [("x-forwarded-for", "1.2.3.4, 203.0.113.7")];
    ask(&shop, from(HOME, Method::DELETE, THING, &headers)).await;
    assert_eq!(seen(HOME, "203.0.113.7").await, "Some(41)");
    assert_eq!(seen(HOME, "203.0.113.8").await, "None", "another customer");
    assert_eq!(seen(HOME, "1.2.3.4").await, "None", "made up by the writer");
    assert_eq!(
        seen(OFFICE, "203.0.113.7").await,
        "None",
        "no proxy of ours"
    );
}

#[tokio::test]
async fn the_later_of_token_and_own_write_counts() {
    let common = common(Profile::Dev);
    common.recent_writes().record(None, HOME, &at(50));
    let shop = shop(&common);
    for (token, expected) in [(60, "Some(60)"), (40, "Some(50)")] {
        let text = at(token).to_string();
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
    let good = at(1).to_string();
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
    let twice = at(1).to_string();
    let told = [
        ("consistency-token", twice.as_str()),
        ("consistency-token", twice.as_str()),
    ];
    ask(&shop, from(HOME, Method::GET, "/seen", &told))
        .await
        .is_problem(400, "malformed");
}
