use axum::http::{StatusCode, header};
use serde_json::json;
use service::Service::Inventory;
use uuid::Uuid;

use crate::{
    told::{stock_committed, stock_opened, stock_reserved, stock_retired},
    world::World,
};

#[tokio::test]
async fn a_stock_record_tells_what_lies_there_what_is_promised_and_what_was_sold() {
    let world = World::new().await;
    let (id, product, first, second) = (
        Uuid::now_v7(),
        Uuid::now_v7(),
        Uuid::now_v7(),
        Uuid::now_v7(),
    );
    world
        .happened([
            stock_opened(id, product, 100),
            stock_reserved(id, 2, first, 2),
            stock_reserved(id, 3, second, 5),
            stock_committed(id, 4, first, 2),
        ])
        .await;

    let path = format!("/inventory/{id}");
    let answer = world.get(Inventory, &path).plain().await;

    assert_eq!(answer.header(header::ETAG), "\"4\"");
    let expected = json!({"id": 1, "inventory_id": id, "product_id": product, "stock_level": 98,
        "reserved_stock": 5, "available_stock": 93, "sold_stock": 2});
    assert_eq!(answer.ok(), expected);
    assert_eq!(
        world.get(Inventory, "/inventory").plain().await.ok(),
        json!([expected])
    );
    let again = world
        .get(Inventory, &path)
        .header(header::IF_NONE_MATCH, "\"4\"")
        .plain()
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let older = world
        .get(Inventory, &path)
        .header(header::IF_NONE_MATCH, "\"3\"")
        .plain()
        .await;
    assert_eq!(older.status, StatusCode::OK);
}

#[tokio::test]
async fn a_retired_record_leaves_the_list_but_answers_by_its_id() {
    let world = World::new().await;
    let (kept, retired) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .happened([
            stock_opened(retired, Uuid::now_v7(), 1),
            stock_opened(kept, Uuid::now_v7(), 1),
            stock_retired(retired, 2),
        ])
        .await;

    let list = world.get(Inventory, "/inventory").plain().await.array();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["inventory_id"], json!(kept));
    assert_eq!(list[0].get("retired"), None);
    let record = world
        .get(Inventory, &format!("/inventory/{retired}"))
        .plain()
        .await
        .ok();
    assert_eq!(record["retired"], true);
}

#[tokio::test]
async fn an_unknown_record_is_not_found() {
    let world = World::new().await;
    let path = format!("/inventory/{}", Uuid::now_v7());
    world
        .get(Inventory, &path)
        .plain()
        .await
        .problem(404, "stock-not-found");
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    for (path, pointer) in [
        ("/inventory/seven", "/id"),
        (
            "/inventory/00000000-0000-0000-0000-000000000000?as_of=1",
            "/as_of",
        ),
        ("/inventory?limit=0", "/limit"),
        ("/inventory?limit=201", "/limit"),
        ("/inventory?q=laptop", "/q"),
    ] {
        world.get(Inventory, path).plain().await.points_at(pointer);
    }
    world
        .get(Inventory, "/inventory?cursor=x")
        .plain()
        .await
        .problem(400, "bad-cursor");
}

#[tokio::test]
async fn pages_follow_each_other_by_rising_id() {
    let world = World::new().await;
    world
        .happened((0..7).map(|_| stock_opened(Uuid::now_v7(), Uuid::now_v7(), 1)))
        .await;
    let pages = world.pages(Inventory, "/inventory?limit=3", None).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let ids: Vec<_> = pages
        .concat()
        .iter()
        .map(|record| record["id"].clone())
        .collect();
    assert_eq!(ids, (1..=7).map(|id| json!(id)).collect::<Vec<_>>());
}
