use axum::http::{StatusCode, header};
use service::Service::Product;
use uuid::Uuid;

use crate::{
    told::{
        product_changed, product_created, product_deleted, products, stock_opened, stock_reserved,
    },
    world::World,
};

async fn names(world: &World, path: &str) -> Vec<String> {
    let products = world.get(Product, path).plain().await.ok();
    let name = |product: &serde_json::Value| product["name"].as_str().expect("a name").to_owned();
    products
        .as_array()
        .expect("an array")
        .iter()
        .map(name)
        .collect()
}

#[tokio::test]
async fn a_product_answers_with_what_was_promised_and_its_version() {
    let world = World::new().await;
    let (id, stock) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([
            product_created(id, "Laptop", "light", 99_999),
            stock_opened(stock, id, 1),
        ])
        .await;

    let answer = world.get(Product, &format!("/product/{id}")).plain().await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::ETAG), "\"1-in\"");
    let expected = format!(
        r#"{{"id":1,"product_id":"{id}","name":"Laptop","description":"light","price":999.99,"is_available":true}}"#
    );
    assert_eq!(answer.text, expected);
}

#[tokio::test]
async fn prices_come_back_digit_for_digit() {
    let world = World::new().await;
    for (minor, digits) in [
        (1, "0.01"),
        (10, "0.1"),
        (29, "0.29"),
        (115, "1.15"),
        (1_999, "19.99"),
        (1_000, "10"),
        (99_999, "999.99"),
        (99_999_999, "999999.99"),
        (100_000_000, "1000000"),
    ] {
        let id = Uuid::now_v7();
        world
            .happened([product_created(id, "Thing", "", minor)])
            .await;
        let answer = world.get(Product, &format!("/product/{id}")).plain().await;
        assert!(
            answer.text.contains(&format!(r#""price":{digits},"#)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn the_tag_tells_the_version_and_whether_it_can_be_had() {
    let world = World::new().await;
    let (id, stock) = (Uuid::now_v7(), Uuid::now_v7());
    let path = format!("/product/{id}");
    world
        .happened([product_created(id, "Laptop", "", 100)])
        .await;
    assert_eq!(
        world.get(Product, &path).plain().await.header(header::ETAG),
        "\"1-out\""
    );

    world.happened([stock_opened(stock, id, 1)]).await;
    let has = |tag: &'static str| {
        world
            .get(Product, &path)
            .header(header::IF_NONE_MATCH, tag)
            .plain()
    };
    let current = has("\"1-in\"").await;
    assert_eq!(current.status, StatusCode::NOT_MODIFIED);
    assert_eq!(current.header(header::ETAG), "\"1-in\"");
    assert_eq!(current.text, "");
    assert_eq!(has("\"1-out\"").await.status, StatusCode::OK);
    let written = has("\"1\"").await;
    assert_eq!(
        written.ok()["is_available"],
        true,
        "not the copy of the write"
    );

    world
        .happened([stock_reserved(stock, 2, Uuid::now_v7(), 1)])
        .await;
    assert_eq!(has("\"1-in\"").await.ok()["is_available"], false);

    world
        .happened([product_changed(id, 2, "Laptop", 100, false)])
        .await;
    assert_eq!(has("\"1-out\"").await.status, StatusCode::OK);
    assert_eq!(has("\"2-out\"").await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn an_unknown_or_deleted_product_is_not_found() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    let path = format!("/product/{id}");
    world
        .get(Product, &path)
        .plain()
        .await
        .problem(404, "product-not-found");

    world
        .happened([
            product_created(id, "Laptop", "", 100),
            product_deleted(id, 2),
        ])
        .await;
    world
        .get(Product, &path)
        .plain()
        .await
        .problem(404, "product-not-found");
    assert_eq!(world.get(Product, "/products").plain().await.text, "[]");
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    for (path, pointer) in [
        ("/product/7", "/id"),
        (
            "/product/00000000-0000-0000-0000-000000000000?as_of=1",
            "/as_of",
        ),
        ("/products?limit=0", "/limit"),
        ("/products?limit=201", "/limit"),
        ("/products?limit=-1", "/limit"),
        ("/products?limit=ten", "/limit"),
        ("/products?limit=", "/limit"),
        ("/products?available=maybe", "/available"),
        ("/products?q=a%00b", "/q"),
        ("/products?colour=red", "/colour"),
        ("/products?q=a&q=b", "/q"),
    ] {
        world.get(Product, path).plain().await.points_at(pointer);
    }
    assert_eq!(
        names(&world, "/products?limit=1").await,
        Vec::<String>::new()
    );
    assert_eq!(
        names(&world, "/products?limit=200").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_search_finds_any_part_in_any_case_and_takes_wildcards_literally() {
    let world = World::new().await;
    world
        .happened(products(&[
            "100% wool",
            "1000 wool",
            "snake_case",
            "snakeXcase",
            r"back\slash",
            "ÄPFEL",
            "Straße",
        ]))
        .await;
    let described = product_created(Uuid::now_v7(), "Scarf", "Of Merino WOOL", 100);
    world.happened([described]).await;

    for (query, found) in [
        ("WoOl", &["100% wool", "1000 wool", "Scarf"][..]),
        ("100%25", &["100% wool"]),
        ("%25", &["100% wool"]),
        ("e_c", &["snake_case"]),
        ("_", &["snake_case"]),
        ("%5C", &[r"back\slash"]),
        ("%C3%A4pfel", &["ÄPFEL"]),
        ("STRA%C3%9FE", &["Straße"]),
        ("nothing", &[]),
        ("%27%3B--", &[]),
    ] {
        assert_eq!(
            names(&world, &format!("/products?q={query}")).await,
            found,
            "{query}"
        );
    }
    assert_eq!(names(&world, "/products?q=").await.len(), 8);
}

#[tokio::test]
async fn what_can_be_had_is_offered_and_on_the_shelf() {
    let world = World::new().await;
    let ids: [Uuid; 3] = std::array::from_fn(|_| Uuid::now_v7());
    world
        .happened([
            product_created(ids[0], "here", "", 100),
            stock_opened(Uuid::now_v7(), ids[0], 5),
            product_created(ids[1], "withdrawn", "", 100),
            stock_opened(Uuid::now_v7(), ids[1], 5),
            product_changed(ids[1], 2, "withdrawn", 100, false),
            product_created(ids[2], "sold out", "", 100),
        ])
        .await;

    assert_eq!(names(&world, "/products?available=true").await, ["here"]);
    assert_eq!(
        names(&world, "/products?available=false").await,
        ["withdrawn", "sold out"]
    );
    assert_eq!(
        names(&world, "/products?available=false&q=sold").await,
        ["sold out"]
    );
    assert_eq!(names(&world, "/products").await.len(), 3);
}
