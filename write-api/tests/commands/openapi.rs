use serde_json::{Map, Value, json};
use service::Service;

use crate::bench::Bench;

async fn page(bench: &Bench, service: Service) -> Value {
    bench
        .ask(service, &axum::http::Method::GET, "/openapi.json")
        .empty()
        .await
        .expecting(200)
        .json()
}

/// The body that the page shows as example of an operation, from its fields' examples.
fn example(page: &Value, path: &str, method: &str) -> Value {
    let content = &page["paths"][path][method]["requestBody"]["content"];
    let media = content
        .as_object()
        .and_then(|media| media.values().next())
        .expect("a media type");
    let reference = media["schema"]["$ref"].as_str().expect("a named schema");
    let schema = &page["components"]["schemas"][reference.rsplit('/').next().expect("a name")];
    let properties = schema["properties"].as_object().expect("an object");
    let examples = properties.iter().filter_map(|(name, property)| {
        let example = property
            .get("example")
            .or_else(|| property["examples"].get(0))?;
        Some((name.clone(), example.clone()))
    });
    Value::Object(examples.collect::<Map<_, _>>())
}

#[tokio::test]
async fn the_pages_examples_work() {
    let bench = Bench::new().await;
    let product_page = page(&bench, Service::Product).await;
    let body = example(&product_page, "/product", "post").to_string();
    let product = bench
        .post(Service::Product, "/product")
        .json(&body)
        .await
        .expecting(201)
        .word("product_id");
    let body = example(&product_page, "/product/{id}", "put").to_string();
    bench
        .put(Service::Product, &format!("/product/{product}"))
        .json(&body)
        .await
        .expecting(200);

    let stock_page = page(&bench, Service::Inventory).await;
    let body = example(&stock_page, "/inventory/{id}", "post").to_string();
    let stock = bench
        .post(Service::Inventory, &format!("/inventory/{product}"))
        .json(&body)
        .await
        .expecting(201);
    let path = format!("/inventory/{}", stock.word("inventory_id"));
    let body = example(&stock_page, "/inventory/{id}", "put").to_string();
    bench
        .put(Service::Inventory, &path)
        .json(&body)
        .await
        .expecting(200);
    let body = example(&stock_page, "/inventory/{id}/adjustment", "post").to_string();
    bench
        .post(Service::Inventory, &format!("{path}/adjustment"))
        .json(&body)
        .await
        .expecting(200);

    let user_page = page(&bench, Service::User).await;
    let body = example(&user_page, "/user/register", "post").to_string();
    bench
        .post(Service::User, "/user/register")
        .json(&body)
        .await
        .expecting(201);
    let form = example(&user_page, "/user/login", "post");
    let form = format!(
        "username={}&password={}",
        form["username"].as_str().expect("text"),
        form["password"].as_str().expect("text")
    );
    let token = bench
        .post(Service::Order, "/user/login")
        .form(&form)
        .await
        .expecting(200)
        .word("access_token");

    let order_page = page(&bench, Service::Order).await;
    let body = example(&order_page, "/order/{id}", "post").to_string();
    let order = bench
        .post(Service::Order, &format!("/order/{product}"))
        .bearer(&token)
        .json(&body)
        .await
        .expecting(201);
    let order = order.word("order_id");
    let body = example(&order_page, "/order/{id}", "put").to_string();
    bench
        .put(Service::Order, &format!("/order/{order}"))
        .bearer(&token)
        .json(&body)
        .await
        .expecting(200);

    let mut body = example(&page(&bench, Service::Payment).await, "/payment", "put");
    body["order_id"] = json!(order);
    bench
        .put(Service::Payment, "/payment")
        .bearer(&token)
        .json(&body.to_string())
        .await
        .expecting(200);
}

const CATALOGUE: [(Service, &str, &str, &str); 6] = [
    (
        Service::Product,
        "/product",
        "post",
        "201 400 401 403 413 415 422",
    ),
    (
        Service::Product,
        "/product/{id}",
        "put",
        "200 400 401 403 404 412 415 422",
    ),
    (
        Service::Product,
        "/product/{id}",
        "delete",
        "204 400 401 403 404 412 422",
    ),
    (
        Service::Inventory,
        "/inventory/{id}",
        "post",
        "201 401 403 404 409 422",
    ),
    (
        Service::Inventory,
        "/inventory/{id}",
        "put",
        "200 401 403 404 409 412 422",
    ),
    (
        Service::Inventory,
        "/inventory/{id}/adjustment",
        "post",
        "200 401 403 404 409 422",
    ),
];

const CUSTOMERS: [(Service, &str, &str, &str); 9] = [
    (
        Service::Order,
        "/order/{id}",
        "post",
        "201 400 401 404 409 415 422",
    ),
    (
        Service::Order,
        "/order/{id}",
        "put",
        "200 401 404 409 412 422",
    ),
    (
        Service::Order,
        "/order/{id}",
        "delete",
        "204 401 404 409 412 422",
    ),
    (
        Service::Order,
        "/user/login",
        "post",
        "200 401 415 422 429 503",
    ),
    (
        Service::Order,
        "/user/refresh_token",
        "post",
        "200 400 401 415 422",
    ),
    (
        Service::User,
        "/user/register",
        "post",
        "201 400 409 415 422 429 503",
    ),
    (Service::User, "/user/login", "post", "200 401 422 429 503"),
    (Service::User, "/user/refresh_token", "post", "200 401 422"),
    (
        Service::Payment,
        "/payment",
        "put",
        "200 202 400 401 402 404 415 422",
    ),
];

#[tokio::test]
async fn every_operation_lists_what_it_answers() {
    let bench = Bench::new().await;
    for (service, path, method, statuses) in CATALOGUE.into_iter().chain(CUSTOMERS) {
        let page = page(&bench, service).await;
        let responses = &page["paths"][path][method]["responses"];
        for status in statuses.split(' ') {
            assert!(
                responses.get(status).is_some(),
                "{method} {path} on {service} does not list {status}"
            );
        }
    }
}
