//! What the pages say must be what is there.

use serde_json::Value;
use service::Service;
use uuid::Uuid;

use crate::{
    told::{order_placed, payment_attempted, product_created, registered, stock_opened},
    world::World,
};

const STATUSES: [(Service, &str, &[u16]); 20] = [
    (Service::Product, "/products", &[200, 400, 422, 503]),
    (
        Service::Product,
        "/product/{id}",
        &[200, 304, 400, 404, 422, 503],
    ),
    (
        Service::Product,
        "/product/{id}/history",
        &[200, 400, 401, 403, 404, 422, 503],
    ),
    (Service::Inventory, "/inventory", &[200, 400, 422, 503]),
    (
        Service::Inventory,
        "/inventory/{id}",
        &[200, 304, 400, 404, 422, 503],
    ),
    (
        Service::Inventory,
        "/inventory/{id}/history",
        &[200, 400, 401, 403, 404, 422, 503],
    ),
    (Service::Order, "/user/me", &[200, 304, 400, 401, 422, 503]),
    (
        Service::Order,
        "/user/me/history",
        &[200, 400, 401, 422, 503],
    ),
    (Service::Order, "/orders", &[200, 400, 401, 422, 503]),
    (
        Service::Order,
        "/order/{id}",
        &[200, 304, 400, 401, 404, 422, 503],
    ),
    (
        Service::Order,
        "/order/{id}/history",
        &[200, 400, 401, 404, 422, 503],
    ),
    (Service::User, "/user/me", &[200, 304, 400, 401, 422, 503]),
    (
        Service::User,
        "/user/me/history",
        &[200, 400, 401, 422, 503],
    ),
    (
        Service::Notification,
        "/notifications",
        &[200, 400, 401, 422, 503],
    ),
    (Service::Payment, "/payments", &[200, 400, 401, 422, 503]),
    (
        Service::Payment,
        "/payment/{id}",
        &[200, 304, 400, 401, 404, 422, 503],
    ),
    (
        Service::Payment,
        "/payment/{id}/history",
        &[200, 400, 401, 404, 422, 503],
    ),
    (
        Service::Operator,
        "/projections",
        &[200, 401, 403, 422, 503],
    ),
    (Service::Operator, "/audit", &[200, 400, 401, 403, 422, 503]),
    (
        Service::Operator,
        "/audit/{position}/proof",
        &[200, 400, 401, 403, 404, 422, 503],
    ),
];

#[tokio::test]
async fn every_question_is_on_its_ports_page_with_all_its_answers() {
    let world = World::new().await;
    for (service, path, statuses) in STATUSES {
        let page = world.get(service, "/openapi.json").plain().await.ok();
        let operation = &page["paths"][path]["get"];
        assert!(
            operation.is_object(),
            "{path} is not on the page of {}",
            service.name()
        );
        for status in statuses {
            let response = &operation["responses"][status.to_string()];
            assert!(response.is_object(), "{path} does not tell of {status}");
        }
    }
}

#[tokio::test]
async fn the_pages_name_the_parameters() {
    let world = World::new().await;
    for (service, path, names) in [
        (
            Service::Product,
            "/products",
            &["q", "available", "limit", "cursor", "Consistency-Token"][..],
        ),
        (
            Service::Order,
            "/order/{id}",
            &["id", "at", "Consistency-Token", "If-None-Match"],
        ),
        (
            Service::Operator,
            "/audit",
            &[
                "aggregate_type",
                "aggregate_id",
                "event_type",
                "actor",
                "correlation_id",
                "from",
                "to",
                "after",
                "limit",
            ],
        ),
    ] {
        let page = world.get(service, "/openapi.json").plain().await.ok();
        let parameters = page["paths"][path]["get"]["parameters"]
            .as_array()
            .expect("parameters")
            .clone();
        for name in names {
            let found = parameters
                .iter()
                .find(|parameter| parameter["name"] == **name);
            let found = found.unwrap_or_else(|| panic!("{path} does not tell of {name}"));
            assert_eq!(found["required"], Value::Bool(*name == "id"), "{name}");
        }
    }
}

#[tokio::test]
async fn what_the_pages_refer_to_is_on_them() {
    let world = World::new().await;
    for service in Service::ALL {
        let page = world.get(service, "/openapi.json").plain().await.ok();
        for reference in references(&page) {
            let pointer = reference
                .strip_prefix('#')
                .expect("a reference into the page itself");
            assert!(
                page.pointer(pointer).is_some(),
                "{} lacks {reference}",
                service.name()
            );
        }
    }
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter()
                .chain(fields.values().flat_map(references))
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[tokio::test]
async fn what_is_answered_has_the_form_that_the_page_tells() {
    let world = World::new().await;
    let [alice, product, stock, order, payment] = std::array::from_fn(|_| Uuid::now_v7());
    world
        .happened([
            registered(alice, "alice"),
            product_created(product, "Laptop", "", 100),
            stock_opened(stock, product, 1),
            order_placed(order, alice, 1, 100),
            payment_attempted(payment, 1, alice, Uuid::nil(), 100),
        ])
        .await;
    for (service, path, list) in [
        (Service::Product, "/products", "/products".to_owned()),
        (Service::Inventory, "/inventory", "/inventory".to_owned()),
        (Service::Order, "/orders", "/orders".to_owned()),
        (Service::Payment, "/payments", "/payments".to_owned()),
        (
            Service::Notification,
            "/notifications",
            "/notifications".to_owned(),
        ),
        (Service::Operator, "/audit", "/audit".to_owned()),
        (Service::Operator, "/projections", "/projections".to_owned()),
        (
            Service::User,
            "/user/me/history",
            "/user/me/history".to_owned(),
        ),
        (
            Service::Order,
            "/order/{id}/history",
            format!("/order/{order}/history"),
        ),
    ] {
        let page = world.get(service, "/openapi.json").plain().await.ok();
        let content = &page["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            ["schema"];
        let reference = content["items"]["$ref"]
            .as_str()
            .expect("an array of a named form");
        let form = page.pointer(&reference[1..]).expect("the form");
        let properties = form["properties"].as_object().expect("properties");
        let required = form["required"].as_array().expect("required fields");
        let answers = world
            .get(service, &list)
            .token(&world.token(alice, "admin"))
            .await
            .array();
        assert!(!answers.is_empty(), "{path}");
        for answer in answers {
            let fields = answer.as_object().expect("an object");
            for field in fields.keys() {
                assert!(
                    properties.contains_key(field),
                    "{path} does not tell of {field}"
                );
            }
            for field in required {
                let field = field.as_str().expect("a name");
                assert!(fields.contains_key(field), "{path} promises {field}");
            }
        }
    }
}
