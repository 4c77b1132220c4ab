use serde_json::json;
use service::Service::Operator;
use uuid::Uuid;

use crate::{
    told::{product_created, registered},
    world::World,
};

#[tokio::test]
async fn an_admin_sees_how_far_every_projection_is() {
    let world = World::new().await;
    world.happened([registered(Uuid::now_v7(), "alice")]).await;
    world
        .logged([
            product_created(Uuid::now_v7(), "a", "", 1),
            product_created(Uuid::now_v7(), "b", "", 1),
        ])
        .await;

    let list = world
        .get(Operator, "/projections")
        .token(&world.admin())
        .await
        .array();

    let names: Vec<_> = list
        .iter()
        .map(|projection| projection["name"].clone())
        .collect();
    assert_eq!(
        names,
        [
            "product",
            "inventory",
            "orders",
            "user",
            "payment",
            "notification"
        ]
    );
    for projection in list {
        let name = projection["name"].clone();
        assert_eq!(
            projection,
            json!({"name": name, "version": 1, "position": 1, "head": 3, "lag": 2, "parked": 0})
        );
    }
}

#[tokio::test]
async fn before_anything_ran_everything_is_at_the_start() {
    let world = World::new().await;
    let list = world
        .get(Operator, "/projections")
        .token(&world.admin())
        .await
        .array();
    assert_eq!(
        list[5],
        json!({"name": "notification", "version": 1, "position": 0, "head": 0, "lag": 0, "parked": 0})
    );
}

#[tokio::test]
async fn where_it_follows_kafka_an_admin_sees_each_partition_and_what_is_parked() {
    let world = World::new().await;
    world.happened([registered(Uuid::now_v7(), "alice")]).await;
    let databases = &world.reader.databases;
    sqlx::query(r#"update checkpoint set partitions = '{"order/0": 7, "order/1": 0}' where projection = 'orders'"#)
        .execute(&databases.order)
        .await
        .expect("the checkpoint is there");
    for projection in ["orders", "orders", "product"] {
        sqlx::query(
            "insert into parked (projection, topic, aggregate_id, position, reason, dead_through)
             values ($1, 'order', $2, 7, 'unreadable', 9)",
        )
        .bind(projection)
        .bind(Uuid::now_v7())
        .execute(&databases.order)
        .await
        .expect("the table is there");
    }
    let list = world
        .get(Operator, "/projections")
        .token(&world.admin())
        .await
        .array();
    assert_eq!(list[2]["name"], "orders");
    assert_eq!(list[2]["partitions"], json!({"order/0": 7, "order/1": 0}));
    assert_eq!(list[2]["parked"], 2);
    assert_eq!(list[3].get("partitions"), None, "{}", list[3]);
    assert_eq!(list[3]["parked"], 0);
}

#[tokio::test]
async fn nobody_else_does() {
    let world = World::new().await;
    world
        .get(Operator, "/projections")
        .plain()
        .await
        .problem(401, "unauthorized");
    world
        .get(Operator, "/projections")
        .token("x")
        .await
        .problem(401, "unauthorized");
    let token = world.customer(Uuid::now_v7());
    world
        .get(Operator, "/projections")
        .token(&token)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn a_parameter_is_refused() {
    let world = World::new().await;
    let answer = world
        .get(Operator, "/projections?name=orders")
        .token(&world.admin())
        .await;
    answer.points_at("/name");
}
