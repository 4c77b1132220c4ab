use axum::http::Uri;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{Cursor, next_link, next_link_by};
use crate::{
    Common, Profile,
    testing::{ask, common, get, shop},
};

fn mark() -> (i64, String) {
    (7, "Kaffee".to_owned())
}

fn read(common: &Common, list: &str, cursor: &str) -> Option<(i64, String)> {
    let answer = Cursor::decode(common, list, cursor);
    answer
        .map_err(|problem| {
            assert_eq!(
                (problem.status().as_u16(), problem.slug()),
                (400, "bad-cursor")
            );
        })
        .ok()
}

#[test]
fn a_cursor_comes_back_as_its_mark() {
    let common = common(Profile::Dev);
    let cursor = Cursor::encode(&common, "things", &mark());
    assert_eq!(read(&common, "things", &cursor), Some(mark()));
}

#[test]
fn each_byte_of_a_cursor_counts() {
    let common = common(Profile::Dev);
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(Cursor::encode(&common, "things", &mark()))
        .unwrap();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert_eq!(
            read(&common, "things", &BASE64_URL_SAFE_NO_PAD.encode(changed)),
            None,
            "{index}"
        );
        assert_eq!(
            read(
                &common,
                "things",
                &BASE64_URL_SAFE_NO_PAD.encode(&bytes[..index])
            ),
            None,
            "{index}"
        );
    }
    for garbage in ["", "7", "ö", "===="] {
        assert_eq!(read(&common, "things", garbage), None);
    }
}

#[test]
fn a_cursor_is_of_one_list_one_key_and_one_form() {
    let ours = common(Profile::Dev);
    let cursor = Cursor::encode(&ours, "things", &mark());
    assert_eq!(read(&ours, "orders", &cursor), None);
    let theirs = Common::new(Profile::Dev, b"another key", 15);
    assert_eq!(read(&theirs, "things", &cursor), None);
    assert_eq!(
        read(&ours, "things", &Cursor::encode(&ours, "things", &"text")),
        None
    );
}

#[test]
fn the_next_page_keeps_what_was_asked_for() {
    let link = |uri: &'static str| {
        next_link(&Uri::from_static(uri), "a-_1")
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(link("/things"), "</things?cursor=a-_1>; rel=\"next\"");
    assert_eq!(
        link("/things?limit=2&cursor=old&q=a%26b+c"),
        "</things?limit=2&q=a%26b+c&cursor=a-_1>; rel=\"next\""
    );
    assert_eq!(
        link("/things?q=%3E%22"),
        "</things?q=%3E%22&cursor=a-_1>; rel=\"next\""
    );
    let link = next_link_by(&Uri::from_static("/audit?after=1&limit=2"), "after", "3");
    assert_eq!(link, "</audit?limit=2&after=3>; rel=\"next\"");
}

#[tokio::test]
async fn a_tampered_cursor_is_a_400() {
    let common = common(Profile::Dev);
    let shop = shop(&common);
    let cursor = Cursor::encode(&common, "things", &7_i64);
    assert_eq!(
        ask(&shop, get(&format!("/things?cursor={cursor}")))
            .await
            .text(),
        "7"
    );
    ask(&shop, get(&format!("/things?cursor=x{cursor}")))
        .await
        .is_problem(400, "bad-cursor");
}
