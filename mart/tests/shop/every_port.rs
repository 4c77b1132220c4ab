//! What every port promises besides its own table.

use reqwest::Method;
use serde_json::{Value, json};
use service::Service;

use crate::customer::send;
use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_port_says_who_it_is_and_how_it_is() {
    let house = House::open().await;
    let anyone = house.stranger();
    for service in Service::ALL {
        let root = anyone.get(service, "/").await.is(200).json();
        assert_eq!(
            (&root["service"], &root["status"]),
            (&json!(service.name()), &json!("ok"))
        );
        assert!(root["version"].is_string());
        anyone.get(service, "/health/live").await.is(200);
        anyone.get(service, "/health/ready").await.is(200);
        let metrics = anyone.get(service, "/metrics").await.is(200);
        assert!(
            metrics.header("content-type").starts_with("text/plain"),
            "{}",
            metrics.header("content-type")
        );
        assert!(metrics.text.contains("# TYPE"), "{}", metrics.text);

        let lost = anyone.get(service, "/nowhere").await;
        assert!(lost.has_header("x-request-id"));
        assert_eq!(lost.problem(404, "not-found")["instance"], "/nowhere");
        let wrong = anyone.request(Method::PATCH, service, "/health/live");
        let wrong = send(wrong).await;
        assert!(wrong.header("allow").contains("GET"));
        wrong.problem(405, "method-not-allowed");
        let echoed = send(
            anyone
                .request(Method::GET, service, "/")
                .header("x-request-id", "mine-1"),
        )
        .await
        .is(200);
        assert_eq!(echoed.header("x-request-id"), "mine-1");
        send(anyone.request(Method::HEAD, service, "/"))
            .await
            .is(200);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_and_wrongly_typed_bodies_are_problems_too() {
    let house = House::open().await;
    let anyone = house.stranger();
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2_000_000));
    anyone
        .raw(Method::POST, Service::Product, "/product", large)
        .await
        .problem(413, "too-large");
    let text = anyone
        .request(Method::POST, Service::Product, "/product")
        .header("content-type", "text/plain")
        .body("x");
    send(text).await.problem(415, "unsupported-media-type");
    let bad = anyone
        .request(Method::GET, Service::Product, "/products")
        .header("consistency-token", "none");
    send(bad).await.problem(400, "bad-consistency-token");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_type_resolves_to_a_page() {
    let house = House::open().await;
    let anyone = house.stranger();
    let problem = anyone
        .get(Service::Order, "/orders")
        .await
        .problem(401, "unauthorized");
    let page = problem["type"].as_str().expect("a type").to_owned();
    for service in Service::ALL {
        let page = anyone.get(service, &page).await.is(200);
        assert!(page.text.to_lowercase().contains("token"), "{}", page.text);
    }
    anyone
        .get(Service::Order, "/problems/none")
        .await
        .problem(404, "problem-not-found");
    house.close().await;
}

/// The contract's routes, by port.
const ROUTES: [(Service, &str, &[&str]); 32] = [
    (Service::Product, "/products", &["get"]),
    (Service::Product, "/product/{id}", &["get", "put", "delete"]),
    (Service::Product, "/product/{id}/history", &["get"]),
    (Service::Product, "/product", &["post"]),
    (Service::Inventory, "/inventory", &["get"]),
    (
        Service::Inventory,
        "/inventory/{id}",
        &["get", "post", "put"],
    ),
    (Service::Inventory, "/inventory/{id}/adjustment", &["post"]),
    (Service::Inventory, "/inventory/{id}/history", &["get"]),
    (Service::Order, "/user/login", &["post"]),
    (Service::Order, "/user/refresh_token", &["post"]),
    (Service::Order, "/user/me", &["get"]),
    (Service::Order, "/orders", &["get"]),
    (
        Service::Order,
        "/order/{id}",
        &["get", "post", "put", "delete"],
    ),
    (Service::Order, "/order/{id}/history", &["get"]),
    (Service::User, "/user/register", &["post"]),
    (Service::User, "/user/login", &["post"]),
    (Service::User, "/user/refresh_token", &["post"]),
    (Service::User, "/user/me", &["get"]),
    (Service::User, "/user/me/history", &["get"]),
    (Service::Notification, "/notifications", &["get"]),
    (Service::Payment, "/payment", &["put"]),
    (Service::Payment, "/payments", &["get"]),
    (Service::Payment, "/payment/{id}", &["get"]),
    (Service::Payment, "/payment/{id}/history", &["get"]),
    (Service::Operator, "/audit", &["get"]),
    (Service::Operator, "/projections", &["get"]),
    (Service::Operator, "/", &["get"]),
    (Service::Notification, "/", &["get"]),
    (Service::Notification, "/health/live", &["get"]),
    (Service::Notification, "/health/ready", &["get"]),
    (Service::Notification, "/metrics", &["get"]),
    (Service::Payment, "/health/ready", &["get"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openapi_pages_list_every_route_with_its_statuses_and_load_nothing_from_outside() {
    let house = House::open().await;
    let anyone = house.stranger();
    for service in Service::ALL {
        let api: Value = anyone.get(service, "/openapi.json").await.is(200).json();
        assert!(
            api["openapi"]
                .as_str()
                .expect("a version")
                .starts_with("3.1"),
            "{}",
            api["openapi"]
        );
        for (_, path, methods) in ROUTES.iter().filter(|(of, ..)| *of == service) {
            for method in *methods {
                let operation = &api["paths"][path][method];
                assert!(
                    operation.is_object(),
                    "{}: {method} {path} is not on the page",
                    service.name()
                );
                let responses = operation["responses"].as_object().expect("responses");
                assert!(
                    responses.keys().any(|status| status.starts_with('2')),
                    "{method} {path}"
                );
                let secured = operation["security"]
                    .as_array()
                    .is_some_and(|s| !s.is_empty());
                assert!(
                    !secured || responses.contains_key("401"),
                    "{method} {path} can answer 401"
                );
                if operation["requestBody"].is_object() {
                    for status in ["400", "413", "415", "422"] {
                        assert!(
                            responses.contains_key(status),
                            "{method} {path} can answer {status}"
                        );
                    }
                }
            }
        }
        let text = api.to_string();
        for reference in text
            .split("\"$ref\":\"#")
            .skip(1)
            .map(|rest| rest.split('"').next().expect("a path"))
        {
            assert!(
                !api.pointer(reference).unwrap_or(&Value::Null).is_null(),
                "{reference} points nowhere"
            );
        }

        let mut docs = anyone.get(service, "/docs").await;
        if docs.status != 200 {
            assert!((300..400).contains(&docs.status), "{}", docs.status);
            let next = docs.header("location").to_owned();
            docs = anyone.get(service, &next).await.is(200);
        }
        for attribute in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
            assert!(!docs.text.contains(attribute), "{}", docs.text);
        }
    }
    house.close().await;
}
