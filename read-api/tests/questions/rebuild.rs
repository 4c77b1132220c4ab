use std::time::Duration;

use axum::http::{Method, StatusCode};
use projectors::rebuild::begin;
use serde_json::{Value, json};
use service::Service::Operator;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    told::{product_created, stock_opened},
    world::World,
};

const ORDERS: &str = "/projections/orders/rebuild";
const PRODUCT: &str = "/projections/product/rebuild";
const PREVIOUS: &str = "/projections/product/previous";

/// What `GET /projections` says of the products.
async fn product(world: &World) -> Value {
    let ask = world.get(Operator, "/projections");
    ask.token(&world.admin()).await.array()[0].clone()
}

/// Waits until no rebuild of the products is left.
async fn is_over(world: &World) {
    let waiting = async {
        while product(world).await.get("rebuild").is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting)
        .await
        .expect("it is over soon");
}

async fn rows(world: &World) -> Vec<Value> {
    let products = world.get(service::Service::Product, "/products");
    products.plain().await.array()
}

async fn stocked() -> World {
    let world = World::new().await;
    let [lamp, lamps, chair] = std::array::from_fn(|_| Uuid::now_v7());
    world
        .happened([
            product_created(lamp, "Lamp", "", 100),
            stock_opened(lamps, lamp, 3),
            product_created(chair, "Chair", "", 200),
        ])
        .await;
    world
}

async fn said(world: &World, method: Method, path: &str) -> StatusCode {
    let ask = world.ask(method, Operator, path);
    ask.token(&world.admin()).await.status
}

#[tokio::test]
async fn an_admin_rebuilds_a_projection_and_goes_back() {
    let world = stocked().await;
    let before = rows(&world).await;
    assert_eq!(product(&world).await.get("previous"), None);

    assert_eq!(said(&world, Method::POST, PRODUCT).await, 202);
    is_over(&world).await;
    let previous = json!({"version": 1, "position": 3, "usable": true});
    assert_eq!(product(&world).await["previous"], previous);
    assert_eq!(rows(&world).await, before);

    sqlx::query("update product_previous.product set name = 'Old lamp' where name = 'Lamp'")
        .execute(&world.reader.databases.product)
        .await
        .expect("something to tell them apart");
    assert_eq!(said(&world, Method::POST, PREVIOUS).await, 202);
    is_over(&world).await;
    let names: Vec<_> = rows(&world)
        .await
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert!(names.contains(&json!("Old lamp")), "{names:?}");

    assert_eq!(said(&world, Method::DELETE, PREVIOUS).await, 204);
    assert_eq!(product(&world).await.get("previous"), None);
    assert_eq!(said(&world, Method::DELETE, PREVIOUS).await, 204);
    let ask = world.ask(Method::POST, Operator, PREVIOUS);
    let refused = ask.token(&world.admin()).await;
    refused.problem(409, "no-way-back");
}

#[tokio::test]
async fn a_rebuild_that_runs_is_shown_refuses_another_one_and_can_be_cancelled() {
    let world = stocked().await;
    let (log, databases) = (&world.reader.log, &world.reader.databases);
    let projection = projectors::rebuild::projection("product").expect("it is one");
    // As another process would.
    let begun = begin(log, databases, projection).await.expect("it begins");
    let shown = product(&world).await["rebuild"].clone();
    assert_eq!((&shown["position"], &shown["head"]), (&json!(0), &json!(3)));
    assert_eq!(
        (&shown["running"], &shown["cancelled"]),
        (&json!(true), &json!(false))
    );
    for (method, path) in [
        (Method::POST, PRODUCT),
        (Method::POST, PREVIOUS),
        (Method::DELETE, PREVIOUS),
    ] {
        let ask = world.ask(method, Operator, path);
        let refused = ask.token(&world.admin()).await;
        refused.problem(409, "rebuild-running");
    }
    assert_eq!(said(&world, Method::DELETE, PRODUCT).await, 202);
    assert_eq!(product(&world).await["rebuild"]["cancelled"], true);
    let never = tokio_util::sync::CancellationToken::new();
    begun
        .run(&|_| (), &never)
        .await
        .expect_err("it was cancelled");
    assert_eq!(product(&world).await.get("rebuild"), None);
    let ask = world.ask(Method::DELETE, Operator, PRODUCT);
    let refused = ask.token(&world.admin()).await;
    refused.problem(404, "rebuild-not-found");
}

#[tokio::test]
async fn what_a_shutdown_interrupts_is_kept() {
    let world = stocked().await;
    world.reader.rebuilds.stop();
    assert_eq!(said(&world, Method::POST, PRODUCT).await, 202);
    timeout(Duration::from_secs(10), world.reader.rebuilds.end())
        .await
        .expect("it ends soon");
    assert_eq!(product(&world).await["rebuild"]["running"], false);
    assert_eq!(product(&world).await.get("previous"), None);
}

#[tokio::test]
async fn nobody_else_may_and_no_other_projection_can_be() {
    let world = stocked().await;
    let customer = world.customer(Uuid::now_v7());
    for (method, path) in [
        (Method::POST, ORDERS),
        (Method::DELETE, ORDERS),
        (Method::POST, "/projections/orders/previous"),
        (Method::DELETE, "/projections/orders/previous"),
    ] {
        let ask = || world.ask(method.clone(), Operator, path);
        ask().plain().await.problem(401, "unauthorized");
        ask().token(&customer).await.problem(403, "forbidden");
        let unknown = path.replace("orders", "order");
        let ask = world.ask(method, Operator, &unknown);
        let refused = ask.token(&world.admin()).await;
        refused.problem(404, "projection-not-found");
    }
}

#[tokio::test]
async fn the_page_tells_of_it_with_all_its_answers() {
    let world = World::new().await;
    let page = world.get(Operator, "/openapi.json").plain().await.ok();
    for (path, method, statuses) in [
        ("rebuild", "post", &[202, 401, 403, 404, 409, 503][..]),
        ("rebuild", "delete", &[202, 401, 403, 404, 503]),
        ("previous", "post", &[202, 401, 403, 404, 409, 503]),
        ("previous", "delete", &[204, 401, 403, 404, 409, 503]),
    ] {
        let path = format!("/projections/{{name}}/{path}");
        let operation = &page["paths"][&path][method];
        for status in statuses {
            let response = &operation["responses"][status.to_string()];
            assert!(
                response.is_object(),
                "{method} {path} does not tell of {status}"
            );
        }
        assert_eq!(operation["parameters"][0]["name"], "name");
    }
}
