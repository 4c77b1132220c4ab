use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, header},
    response::IntoResponse,
};

use futures::StreamExt;

use super::{BODY_LIMIT, PATIENCE, read};
use crate::{
    Problem, Profile,
    observe::TIMEOUT,
    testing::{Answer, ask, common, post, post_json, request, shop},
};

async fn thing(body: impl Into<Body>) -> Answer {
    ask(&shop(&common(Profile::Dev)), post_json(body)).await
}

async fn typed(content_type: &str) -> Answer {
    let body = r#"{"name":"a","count":1}"#;
    ask(
        &shop(&common(Profile::Dev)),
        post("/thing", content_type, body),
    )
    .await
}

async fn login(content_type: &str, body: &'static str) -> Answer {
    ask(
        &shop(&common(Profile::Dev)),
        post("/user/login", content_type, body),
    )
    .await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_good_body_is_read_and_numbers_keep_their_digits() {
    let body = r#"{"name":"é","count":2,"price":19.90,"tags":["a"]}"#;
    let answer = thing(body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (201, body)
    );
}

#[tokio::test]
async fn json_goes_by_several_names() {
    for name in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.mart+json",
    ] {
        assert_eq!(typed(name).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn other_media_types_are_a_415() {
    for name in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "text/json",
        "application/jsonx",
    ] {
        typed(name).await.is_problem(415, "unsupported-media-type");
    }
    let bare = request(Method::POST, "/thing")
        .body(Body::from("{}"))
        .unwrap();
    ask(&shop(&common(Profile::Dev)), bare)
        .await
        .is_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn what_is_no_json_is_a_400() {
    let deep = "[".repeat(10_000);
    for body in [
        "",
        "  \n",
        "{",
        "nothing",
        r#"{"name":"a","count":NaN}"#,
        r#"{"name":"a","count":1,"price":NaN}"#,
        r#"{"name":"a","count":1,"price":-Infinity}"#,
        r#"{"name":"a","count":01}"#,
        r#"{"name":"a","count":1,}"#,
        r#"{"name":"a","count":1} {}"#,
        r#"{"name":"\ud800","count":1}"#,
        &deep,
    ] {
        thing(body.to_owned()).await.is_problem(400, "malformed");
    }
    thing(Bytes::from_static(b"{\"name\":\"\xff\",\"count\":1}"))
        .await
        .is_problem(400, "malformed");
}

#[tokio::test]
async fn only_an_object_will_do() {
    for body in [r#"["a",1,null,null]"#, "null", "1", r#""text""#] {
        thing(body).await.is_invalid("");
    }
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    for (body, pointer) in [
        (r#"{"count":1}"#, "/name"),
        (r#"{"name":"a"}"#, "/count"),
        ("{}", "/name"),
        (r#"{"name":"a","count":1,"colour":"red"}"#, "/colour"),
        (r#"{"name":"a","count":1,"a/b~c":0}"#, "/a~1b~0c"),
        (r#"{"name":"a","count":1,"name":"b"}"#, "/name"),
        (r#"{"name":1,"count":1}"#, "/name"),
        (r#"{"name":null,"count":1}"#, "/name"),
        (r#"{"name":"a","count":"12"}"#, "/count"),
        (r#"{"name":"a","count":-1}"#, "/count"),
        (r#"{"name":"a","count":1.5}"#, "/count"),
        (r#"{"name":"a","count":4294967296}"#, "/count"),
        (r#"{"name":"a","count":1,"tags":["x",5]}"#, "/tags/1"),
        (r#"{"name":"a","count":1,"tags":{}}"#, "/tags"),
    ] {
        let detail = thing(body).await.is_invalid(pointer);
        assert!(!detail.contains(" line "), "{detail}");
    }
}

#[tokio::test]
async fn what_it_must_be_is_said_in_words_that_a_caller_understands() {
    for (body, pointer, detail) in [
        (r#"{"name":1,"count":1}"#, "/name", "must be a string"),
        (
            r#"{"name":"a","count":"12"}"#,
            "/count",
            "must be a whole number, 0 or more",
        ),
        (
            r#"{"name":"a","count":-1}"#,
            "/count",
            "must be a whole number, 0 or more",
        ),
        (
            r#"{"name":"a","count":4294967296}"#,
            "/count",
            "is too large a number",
        ),
        (
            r#"{"name":"a","count":1,"tags":{}}"#,
            "/tags",
            "must be a list",
        ),
    ] {
        assert_eq!(thing(body).await.is_invalid(pointer), detail, "{body}");
    }
}

#[tokio::test]
async fn a_refused_value_is_never_repeated() {
    for body in [
        r#"{"name":4242424242424242,"count":1}"#,
        r#"{"name":"a","count":"4242424242424242"}"#,
        r#"{"name":"a","count":"x, expected 4242424242424242"}"#,
        r#"{"name":"a","count":4242424242424242}"#,
    ] {
        let answer = thing(body).await;
        answer.is_problem(422, "invalid");
        assert!(!answer.text().contains("4242"), "{}", answer.text());
    }
}

#[tokio::test]
async fn u_0000_is_refused_wherever_it_stands() {
    for (body, pointer) in [
        (r#"{"name":"a\u0000b","count":1}"#, "/name"),
        (r#"{"name":"a","count":1,"tags":["a","\u0000"]}"#, "/tags/1"),
    ] {
        assert_eq!(
            thing(body).await.is_invalid(pointer),
            "must not contain U+0000"
        );
    }
    thing(r#"{"name":"a","count":1,"\u0000":1}"#)
        .await
        .is_problem(422, "invalid");
}

#[tokio::test]
async fn the_largest_body_is_read_and_one_byte_more_is_a_413() {
    let body = |size: usize| {
        let start = r#"{"name":""#;
        let end = r#"","count":1}"#;
        format!("{start}{}{end}", "x".repeat(size - start.len() - end.len()))
    };
    assert_eq!(thing(body(BODY_LIMIT)).await.status, 201);
    thing(body(BODY_LIMIT + 1))
        .await
        .is_problem(413, "too-large");
    thing(body(1024 * 1024)).await.is_problem(413, "too-large");
}

#[tokio::test]
async fn who_asks_first_is_told_before_sending() {
    let shop = shop(&common(Profile::Dev));
    let never = Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>());
    let asking = request(Method::POST, "/thing")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, BODY_LIMIT + 1)
        .header(header::EXPECT, "100-continue");
    ask(&shop, asking.body(never).unwrap())
        .await
        .is_problem(413, "too-large");
}

/// What is read of a body that begins with so many bytes and then never goes on.
async fn stalled(size: usize) -> Problem {
    let start =
        futures::stream::once(async move { Ok::<_, Infallible>(Bytes::from(vec![b' '; size])) });
    let body = Body::from_stream(start.chain(futures::stream::pending()));
    let request = request(Method::POST, "/thing").body(body).unwrap();
    read(request, Duration::from_millis(50)).await.unwrap_err()
}

#[tokio::test]
async fn a_body_that_stalls_is_a_408_and_the_last_of_its_connection() {
    let problem = stalled(1).await;
    assert_eq!(
        (problem.status().as_u16(), problem.slug()),
        (408, "too-slow")
    );
    let response = problem.into_response();
    assert_eq!(response.headers()[header::CONNECTION], "close");
    assert_eq!(stalled(BODY_LIMIT + 1).await.slug(), "too-large");
    assert!(PATIENCE < TIMEOUT, "else it would be our fault, a 503");
}

#[tokio::test]
async fn a_form_is_read() {
    let answer = login(FORM, "username=a+b&password=%26%C3%A9%3D").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, "a b:&é=")
    );
    assert_eq!(
        login(
            "application/x-www-form-urlencoded; charset=UTF-8",
            "username=a&password=b"
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn a_form_is_read_strictly() {
    for (body, pointer) in [
        ("username=a", "/password"),
        ("", "/username"),
        ("username=a&password=b&x=y", "/x"),
        ("username=a&password=b&username=c", "/username"),
        ("username=a&password=b%00", "/password"),
    ] {
        login(FORM, body).await.is_invalid(pointer);
    }
    login("application/json", r#"{"username":"a","password":"b"}"#)
        .await
        .is_problem(415, "unsupported-media-type");
}
