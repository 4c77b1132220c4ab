use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::Value;

use crate::{
    Profile,
    testing::{ask, common, get, shop},
};

async fn page() -> Value {
    ask(&shop(&common(Profile::Dev)), get("/openapi.json"))
        .await
        .json()
}

fn statuses(page: &Value, method: &str, path: &str) -> Vec<u16> {
    let responses = page["paths"][path][method]["responses"]
        .as_object()
        .unwrap();
    responses
        .keys()
        .map(|status| status.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn the_page_says_what_it_is_of() {
    let page = page().await;
    assert_eq!(page["openapi"], "3.1.0");
    assert_eq!(page["info"]["title"], "Online Mart: order");
    assert_eq!(page["servers"], serde_json::json!([{"url": "/"}]));
    assert_eq!(
        page["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    for path in ["/", "/health/live", "/health/ready", "/metrics"] {
        assert!(page["paths"][path]["get"].is_object(), "{path}");
    }
}

#[tokio::test]
async fn each_operation_lists_what_it_can_be_refused_with() {
    let page = page().await;
    for (method, path, expected) in [
        ("get", "/", &[200, 400, 405, 500, 503][..]),
        (
            "post",
            "/thing",
            &[201, 400, 405, 408, 409, 413, 415, 422, 500, 503],
        ),
        (
            "post",
            "/user/login",
            &[200, 400, 405, 408, 413, 415, 422, 429, 500, 503],
        ),
        ("get", "/thing/{id}", &[200, 400, 404, 405, 422, 500, 503]),
        (
            "put",
            "/thing/{id}",
            &[200, 400, 404, 405, 412, 422, 500, 503],
        ),
        ("get", "/things", &[200, 400, 405, 422, 500, 503]),
        ("get", "/seen", &[200, 400, 405, 500, 503]),
        ("get", "/user/me", &[200, 400, 401, 405, 500, 503]),
        ("post", "/keep", &[200, 400, 401, 405, 500, 503]),
    ] {
        assert_eq!(statuses(&page, method, path), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn each_refusal_is_a_problem_and_each_reference_leads_somewhere() {
    let page = page().await;
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => page
            .pointer(&reference[1..])
            .unwrap_or_else(|| panic!("{reference}"))
            .clone(),
        None => value.clone(),
    };
    let mut refusals = 0;
    for item in page["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = resolve(response);
                if status.as_str() < "400" {
                    continue;
                }
                refusals += 1;
                let content = response["content"].as_object().unwrap();
                assert_eq!(
                    content.keys().collect::<Vec<_>>(),
                    ["application/problem+json"]
                );
                let schema = resolve(&content["application/problem+json"]["schema"]);
                assert_eq!(
                    schema["required"],
                    serde_json::json!(["type", "title", "status", "detail", "instance"])
                );
                resolve(&schema["properties"]["errors"]["items"])["properties"]["pointer"]
                    .as_object()
                    .unwrap();
            }
        }
    }
    assert!(refusals > 20, "{refusals}");
    let declared = &page["paths"]["/thing"]["post"]["responses"]["409"];
    assert_eq!(declared["description"], "There is one of this name already");
    let too_many = &page["paths"]["/user/login"]["post"]["responses"]["429"];
    assert_eq!(
        too_many["headers"]["Retry-After"]["schema"]["type"],
        "integer"
    );
}

#[tokio::test]
async fn each_refusal_shows_what_it_looks_like_and_no_other() {
    let page = page().await;
    let shared = page["components"]["responses"]
        .as_object()
        .unwrap()
        .values();
    let mut statuses = HashSet::new();
    for response in shared {
        let example = &response["content"]["application/problem+json"]["example"];
        let (slug, status) = (example["type"].as_str().unwrap(), &example["status"]);
        let known = crate::problems::find(&slug["/problems/".len()..]).unwrap();
        let description = response["description"].as_str().unwrap();
        assert!(description.starts_with(known.title), "{description}");
        assert_eq!(example["errors"].is_array(), *status == 422, "{example}");
        assert!(statuses.insert(status.as_u64().unwrap()), "{example}");
    }
    for status in [
        400, 401, 403, 404, 405, 408, 412, 413, 415, 422, 429, 500, 503,
    ] {
        assert!(statuses.contains(&status), "{status}");
    }
    let ready = &page["paths"]["/health/ready"]["get"]["responses"]["503"];
    let ready = &ready["content"]["application/problem+json"]["example"];
    assert_eq!(ready["type"], "/problems/not-ready");
    assert_eq!(ready["instance"], "/health/ready");
    assert!(ready["failing"].is_object());
    let problem = &page["components"]["schemas"]["Problem"];
    assert_eq!(problem.get("additionalProperties"), None);
}

#[test]
fn an_operation_that_names_kinds_shows_each() {
    let mut content = utoipa::openapi::Content::default();
    let description = "`order-already-paid`, `insufficient-stock` with `available`";
    super::examples::show(
        &mut content,
        StatusCode::CONFLICT,
        description,
        "/order/{id}",
    );
    let shown = serde_json::to_value(&content).unwrap();
    let examples = shown["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 2);
    let stock = &examples["insufficient-stock"]["value"];
    assert_eq!(
        (&stock["status"], &stock["available"]),
        (&409.into(), &3.into())
    );
    assert!(
        !stock["instance"].as_str().unwrap().contains('{'),
        "{stock}"
    );
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_headers_are_shown() {
    let page = page().await;
    let items = page["paths"].as_object().unwrap().values();
    let operations: Vec<_> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .collect();
    let names: HashSet<_> = operations
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len());
    let parameter = |path: &str, method: &str| {
        let parameters = page["paths"][path][method]["parameters"]
            .as_array()
            .unwrap();
        parameters
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(parameter("/thing/{id}", "put"), ["id", "If-Match"]);
    assert_eq!(parameter("/seen", "get"), ["Consistency-Token"]);
    let limit = &page["paths"]["/things"]["get"]["parameters"][0];
    assert_eq!(limit["name"], "limit");
}
