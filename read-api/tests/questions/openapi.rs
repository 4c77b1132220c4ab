//! What the pages say must be what is there.

use serde_json::Value;
use service::Service;

use crate::world::World;

const STATUSES: [(Service, &str, &[u16]); 19] = [
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
    (Service::Order, "/user/me", &[200, 304, 400, 401, 503]),
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
    (Service::User, "/user/me", &[200, 304, 400, 401, 503]),
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
    (Service::Operator, "/projections", &[200, 401, 403, 503]),
    (Service::Operator, "/audit", &[200, 400, 401, 403, 422, 503]),
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
            &["id", "Consistency-Token", "If-None-Match"],
        ),
        (
            Service::Operator,
            "/audit",
            &[
                "aggregate_type",
                "aggregate_id",
                "event_type",
                "actor",
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
