//! The table of port 8000, row by row, status by status.

use reqwest::Method;
use serde_json::json;
use service::Service::{Inventory, Order, Product};
use uuid::Uuid;

use crate::customer::{id, send};
use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_created_read_changed_and_deleted() {
    let house = House::open().await;
    let shop = house.stranger();
    let body = json!({"name": "Laptop", "description": "High-performance laptop", "price": 999.99});
    let created = shop.post(Product, "/product", &body).await.is(201);
    let product = created.json();
    let product_id = id(&product, "product_id");
    assert_eq!(created.header("location"), format!("/product/{product_id}"));
    assert_eq!(created.header("etag"), "\"1\"");
    assert!(created.has_header("consistency-token"));
    assert_eq!(product["id"], 1, "the position of the creating event");
    assert_eq!(
        product["is_available"], false,
        "offered, but nothing on the shelf"
    );
    let path = format!("/product/{product_id}");
    assert_eq!(shop.get(Product, &path).await.is(200).json(), product);

    shop.stock(&product_id, 1).await;
    let read = shop.get(Product, &path).await.is(200);
    assert_eq!(read.json()["is_available"], true);
    let etag = read.header("etag").to_owned();
    let unchanged = send(
        shop.request(Method::GET, Product, &path)
            .header("if-none-match", &etag),
    )
    .await
    .is(304);
    assert_eq!(unchanged.text, "");

    let body = json!({"name": "Laptop 2", "description": "", "price": 10, "is_available": false});
    let changed = shop.put(Product, &path, &body).await.is(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(
        shop.get(Product, &path).await.is(200).json(),
        changed.json()
    );
    assert_eq!(changed.json()["name"], "Laptop 2");
    assert_eq!(changed.json()["is_available"], false);
    assert_eq!(changed.json()["id"], product["id"]);

    let stale = send(
        shop.request(Method::PUT, Product, &path)
            .header("if-match", "\"1\"")
            .json(&body),
    )
    .await;
    stale.problem(412, "stale");
    let stale = send(
        shop.request(Method::DELETE, Product, &path)
            .header("if-match", "\"1\""),
    )
    .await;
    stale.problem(412, "stale");
    send(
        shop.request(Method::PUT, Product, &path)
            .header("if-match", "\"2\"")
            .json(&body),
    )
    .await
    .is(200);
    shop.delete(Product, &path).await.is(204);
    shop.get(Product, &path)
        .await
        .problem(404, "product-not-found");
    shop.put(Product, &path, &body)
        .await
        .problem(404, "product-not-found");
    shop.delete(Product, &path)
        .await
        .problem(404, "product-not-found");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_product_retires_its_stock_and_placed_orders_stand() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(5.0).await;
    let stock = john.stock(&product, 10).await;
    let order = john.ordered(&product, 2).await;
    john.delete(Product, &format!("/product/{product}"))
        .await
        .is(204);
    assert_eq!(
        john.get(Inventory, "/inventory").await.is(200).json(),
        json!([])
    );
    john.order(&product, 1)
        .await
        .problem(404, "product-not-found");
    john.post(
        Inventory,
        &format!("/inventory/{product}"),
        &json!({"stock_level": 1}),
    )
    .await
    .problem(404, "product-not-found");
    john.get(Order, &format!("/order/{order}")).await.is(200);
    john.pay(&order, crate::customer::ALWAYS).await.is(200);
    let record = john
        .get(Inventory, &format!("/inventory/{stock}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&record["stock_level"], &record["sold_stock"]),
        (&json!(8), &json!(2))
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_searched_filtered_and_paged() {
    let house = House::open().await;
    let shop = house.stranger();
    let mut ids = Vec::new();
    for n in 0..7 {
        let body = json!({"name": format!("Thing {n}"), "description": if n % 2 == 0 { "an 100% even one" } else { "odd" }, "price": 1});
        ids.push(id(
            &shop.post(Product, "/product", &body).await.is(201).json(),
            "product_id",
        ));
    }
    shop.stock(&ids[3], 1).await;
    let of = |list: &serde_json::Value| -> Vec<String> {
        list.as_array()
            .expect("an array")
            .iter()
            .map(|p| id(p, "product_id"))
            .collect()
    };
    assert_eq!(
        of(&shop.get(Product, "/products").await.is(200).json()),
        ids
    );
    assert_eq!(
        of(&shop.get(Product, "/products?q=EVEN").await.is(200).json()).len(),
        4
    );
    assert_eq!(
        of(&shop.get(Product, "/products?q=100%25").await.is(200).json()).len(),
        4
    );
    assert_eq!(
        of(&shop.get(Product, "/products?q=_").await.is(200).json()).len(),
        0
    );
    assert_eq!(
        of(&shop
            .get(Product, "/products?available=true")
            .await
            .is(200)
            .json()),
        [ids[3].clone()]
    );
    assert_eq!(
        of(&shop
            .get(Product, "/products?available=false")
            .await
            .is(200)
            .json())
        .len(),
        6
    );

    let (mut path, mut seen) = ("/products?limit=3&q=thing".to_owned(), Vec::new());
    loop {
        let page = shop.get(Product, &path).await.is(200);
        seen.extend(of(&page.json()));
        if !page.has_header("link") {
            break;
        }
        let link = page.header("link");
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        path = link[1..link.find('>').expect("a link in brackets")].to_owned();
    }
    assert_eq!(seen, ids);
    let tampered = path
        .replace("after=", "after=x")
        .replace("cursor=", "cursor=x");
    assert_ne!(tampered, path);
    shop.get(Product, &tampered)
        .await
        .problem(400, "bad-cursor");
    for bad in [
        "limit=0",
        "limit=201",
        "limit=many",
        "q=%00",
        "available=perhaps",
        "colour=red",
    ] {
        shop.get(Product, &format!("/products?{bad}")).await.is(422);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_nothing_is_written() {
    let house = House::open().await;
    let shop = house.stranger();
    let good = json!({"name": "Laptop", "description": "x", "price": 1});
    let with = |field: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!(7)),
        ("name", json!("nul\u{0}")),
        ("name", json!("n".repeat(201))),
        ("description", json!(null)),
        ("is_available", json!("yes")),
        ("colour", json!("red")),
    ] {
        shop.post(Product, "/product", &with(field, value))
            .await
            .points_at(&format!("/{field}"));
    }
    let mut without = good.clone();
    without.as_object_mut().expect("an object").remove("price");
    shop.post(Product, "/product", &without)
        .await
        .points_at("/price");
    shop.raw(Method::POST, Product, "/product", "{")
        .await
        .problem(400, "malformed");
    shop.raw(Method::POST, Product, "/product", "")
        .await
        .problem(400, "malformed");
    shop.raw(Method::POST, Product, "/product", r#"["Laptop","x",1]"#)
        .await
        .is(422);
    send(
        shop.request(Method::POST, Product, "/product")
            .body("name=Laptop"),
    )
    .await
    .is(415);
    shop.get(Product, "/product/none").await.is(422);
    shop.get(Product, &format!("/product/{}", Uuid::now_v7()))
        .await
        .problem(404, "product-not-found");
    assert_eq!(house.shop().log().head().await.expect("a head"), 0);
    house.close().await;
}
