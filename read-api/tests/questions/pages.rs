//! Pages and cursors, on the list that everybody may see.

use service::Service::Product;
use uuid::Uuid;

use crate::{
    told::{product_created, product_deleted, products},
    world::World,
};

#[tokio::test]
async fn pages_have_neither_hole_nor_double_while_products_come_and_go() {
    let world = World::new().await;
    let first: Vec<Uuid> = (0..23).map(|_| Uuid::now_v7()).collect();
    world
        .happened(first.iter().map(|id| product_created(*id, "old", "", 100)))
        .await;

    let mut seen: Vec<i64> = Vec::new();
    let mut next = Some("/products?limit=5&q=o".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let answer = world.get(Product, &path).plain().await;
        seen.extend(
            answer
                .ok()
                .as_array()
                .expect("an array")
                .iter()
                .map(|p| p["id"].as_i64().expect("an id")),
        );
        next = answer.next();
        pages += 1;
        if pages <= 3 {
            // One that was shown already goes, a new one comes.
            let gone = product_deleted(first[pages - 1], 2);
            world
                .happened([gone, product_created(Uuid::now_v7(), "newcomer", "", 100)])
                .await;
        }
    }

    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert_eq!(seen.len(), 26);
    assert_eq!(pages, 6);
}

#[tokio::test]
async fn there_is_a_next_page_only_when_there_is_more() {
    let world = World::new().await;
    world.happened(products(&["a", "b", "c", "d"])).await;
    let pages = world.pages(Product, "/products?limit=2", None).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(
        world.get(Product, "/products?limit=4").plain().await.next(),
        None
    );
    let next = world
        .get(Product, "/products?limit=3&q=&available=false")
        .plain()
        .await
        .next();
    let next = next.expect("one more");
    assert!(
        next.starts_with("/products?limit=3&q=&available=false&cursor="),
        "{next}"
    );
}

#[tokio::test]
async fn fifty_are_shown_when_nothing_else_is_asked_for() {
    let world = World::new().await;
    world
        .happened((0..51).map(|_| product_created(Uuid::now_v7(), "one", "", 100)))
        .await;
    let pages = world.pages(Product, "/products", None).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 1]);
}

#[tokio::test]
async fn a_cursor_that_was_touched_is_none() {
    let world = World::new().await;
    world.happened(products(&["a", "b", "c"])).await;
    let next = world
        .get(Product, "/products?limit=1")
        .plain()
        .await
        .next()
        .expect("a next page");
    let (_, cursor) = next.split_once("cursor=").expect("a cursor");

    for at in 0..cursor.len() {
        let mut touched = cursor.as_bytes().to_vec();
        touched[at] = if touched[at] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(touched).expect("ASCII");
        let path = format!("/products?limit=1&cursor={touched}");
        let answer = world.get(Product, &path).plain().await;
        answer.problem(400, "bad-cursor");
    }
    for wrong in ["", "7", "%F0%9F%98%80", &cursor[1..], &format!("{cursor}A")] {
        let path = format!("/products?cursor={wrong}");
        world
            .get(Product, &path)
            .plain()
            .await
            .problem(400, "bad-cursor");
    }
    let elsewhere = format!("/inventory?cursor={cursor}");
    world
        .get(service::Service::Inventory, &elsewhere)
        .plain()
        .await
        .problem(400, "bad-cursor");
}
