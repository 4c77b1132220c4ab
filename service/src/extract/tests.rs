use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderValue, Method, header},
};

use super::{IfMatch, Peer, RequestId, X_REQUEST_ID};
use crate::{
    Profile,
    testing::{Answer, ask, common, get, request, shop},
};

const THING: &str = "/thing/0197a3c2-0000-7000-8000-000000000000";

async fn got(uri: &str) -> Answer {
    ask(&shop(&common(Profile::Dev)), get(uri)).await
}

#[tokio::test]
async fn a_path_id_must_be_a_uuid() {
    assert_eq!(got(THING).await.status, 200);
    for id in [
        "7",
        "nothing",
        "0197a3c2-0000-7000-8000-00000000000x",
        "%20",
        "%E2%82%AC",
    ] {
        assert_eq!(
            got(&format!("/thing/{id}")).await.is_invalid("/id"),
            "must be a UUID"
        );
    }
    assert_eq!(
        got("/thing/a%00").await.is_invalid("/id"),
        "must not contain U+0000"
    );
    got("/thing/%FF").await.is_problem(422, "invalid");
}

#[tokio::test]
async fn query_parameters_are_read_strictly() {
    assert_eq!(got("/things").await.text(), "50 None None");
    assert_eq!(
        got("/things?limit=200&q=a+b&available=false").await.text(),
        "200 Some(\"a b\") Some(false)"
    );
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=%2B1", "/limit"),
        ("limit=1.0", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=", "/limit"),
        ("limit=99999999999999999999", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("available=maybe", "/available"),
        ("colour=red", "/colour"),
        ("q=a%00b", "/q"),
        ("q%00=a", "/q\0"),
    ] {
        got(&format!("/things?{query}")).await.is_invalid(pointer);
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    #[serde(rename = "available")]
    _available: Option<bool>,
    #[serde(rename = "from")]
    _from: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(rename = "count")]
    _count: Option<u64>,
    #[serde(rename = "by")]
    _by: Option<i64>,
    #[serde(rename = "id")]
    _id: Option<uuid::Uuid>,
}

#[test]
fn a_parameter_is_refused_in_words_that_a_caller_understands() {
    const TIME: &str = "must be an RFC 3339 time such as 2026-11-23T12:00:00Z";
    for (query, detail) in [
        ("available=maybe", "must be true or false"),
        ("available=", "must be true or false"),
        ("from=", TIME),
        ("from=now", TIME),
        ("from=2026-11-23", TIME),
        ("from=2026-11-23T12:00:00", TIME),
        ("from=2026-13-23T12:00:00Z", TIME),
        ("from=2026-02-30T12:00:00Z", TIME),
        ("from=2026-11-23T12:00:00ZZ", TIME),
        ("count=ten", "must be a whole number"),
        ("count=", "must be a whole number"),
        ("count=99999999999999999999", "is too large a number"),
        ("by=-99999999999999999999", "is too small a number"),
        ("id=7", "must be a UUID"),
    ] {
        let problem = super::parameters::<Search>(query.as_bytes()).unwrap_err();
        assert_eq!(problem.errors()[0].detail, detail, "{query}");
    }
}

#[tokio::test]
async fn a_path_is_refused_in_such_words_too() {
    let router = axum::Router::new().route(
        "/event/{position}",
        axum::routing::get(async |super::Path(position): super::Path<i64>| position.to_string()),
    );
    for position in ["ten", "1.5", "99999999999999999999"] {
        let answer = ask(&router, get(&format!("/event/{position}"))).await;
        let error = serde_json::json!({"pointer": "/position", "detail": "must be a whole number"});
        assert_eq!(answer.json()["errors"][0], error);
    }
}

#[test]
fn if_match_is_one_entity_tag() {
    for (header, version) in [
        ("\"7\"", Some(7)),
        ("\"7-in\"", Some(7)),
        ("\"7-out\"", Some(7)),
        (" \"12\" ", Some(12)),
        ("*", None),
    ] {
        assert_eq!(
            IfMatch::parse(header).unwrap(),
            IfMatch(version),
            "{header}"
        );
    }
    for header in ["7", "", "\"7", "\"7\", \"8\"", "\"\"\"", "W/7"] {
        assert_eq!(
            IfMatch::parse(header).unwrap_err().status(),
            400,
            "{header}"
        );
    }
    for header in ["\"seven\"", "W/\"7\"", "\"\"", "\"99999999999999999999\""] {
        let stale = IfMatch::parse(header).unwrap().check(7).unwrap_err();
        assert_eq!(stale.status(), 412, "{header}");
    }
}

#[tokio::test]
async fn a_stale_version_is_a_412() {
    let shop = shop(&common(Profile::Dev));
    let put = |tag: Option<&'static str>| {
        let mut request = request(Method::PUT, THING);
        if let Some(tag) = tag {
            request = request.header(header::IF_MATCH, tag);
        }
        request.body(Body::empty()).unwrap()
    };
    for tag in [None, Some("\"7\""), Some("*")] {
        assert_eq!(ask(&shop, put(tag)).await.status, 200, "{tag:?}");
    }
    ask(&shop, put(Some("\"6\"")))
        .await
        .is_problem(412, "stale");
    ask(&shop, put(Some("6")))
        .await
        .is_problem(400, "malformed");
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let of = |value: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        RequestId::of(&headers).0
    };
    let longest = "x".repeat(128);
    for sane in ["a", "7b0c-42/é".trim_end_matches("/é"), longest.as_str()] {
        assert_eq!(of(sane.as_bytes()), sane);
    }
    for odd in [&b""[..], b"a b", b"\xc3\xa9", "x".repeat(129).as_bytes()] {
        let made: uuid::Uuid = of(odd).parse().unwrap();
        assert_eq!(made.get_version_num(), 7);
    }
}

#[test]
fn an_address_of_ipv4_is_one_however_it_came() {
    let mut extensions = axum::http::Extensions::new();
    let address: std::net::SocketAddr = "[::ffff:10.0.0.7]:4711".parse().unwrap();
    extensions.insert(ConnectInfo(address));
    assert_eq!(Peer::of(&extensions).0.to_string(), "10.0.0.7");
}
