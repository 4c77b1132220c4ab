use std::collections::HashSet;

use axum::http::StatusCode;

use super::{ALL, of_status};
use crate::{
    Profile,
    testing::{ask, common, get, shop},
};

#[test]
fn every_kind_has_one_name_and_an_explanation() {
    let slugs: HashSet<_> = ALL.iter().map(|known| known.slug).collect();
    assert_eq!(slugs.len(), ALL.len());
    for known in ALL {
        assert!(
            known
                .slug
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
            "{known:?}"
        );
        assert!(
            known.meaning.ends_with('.') && !known.meaning.contains('<'),
            "{known:?}"
        );
    }
    assert!(of_status(StatusCode::IM_A_TEAPOT).is_none());
}

#[tokio::test]
async fn each_type_resolves_to_a_page() {
    let shop = shop(&common(Profile::Dev));
    let list = ask(&shop, get("/problems")).await.text();
    for known in ALL {
        let path = format!("/problems/{}", known.slug);
        assert!(list.contains(&path));
        let page = ask(&shop, get(&path)).await;
        assert_eq!(page.status, 200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(page.text().contains(known.meaning));
    }
    ask(&shop, get("/problems/nothing"))
        .await
        .is_problem(404, "problem-not-found");
}
