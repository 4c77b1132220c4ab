use serde_json::{Value, json};
use service::Service::{self, Inventory, Order, Payment, Product, User};
use uuid::Uuid;

use crate::{
    told::{
        HASH, order_cancelled, order_changed, order_placed, payment_attempted, payment_succeeded,
        product_created, product_deleted, registered, rehashed, role_granted, stock_opened,
        stock_retired,
    },
    world::World,
};

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event_type"].as_str().expect("a type"))
        .collect()
}

#[tokio::test]
async fn a_deleted_order_keeps_its_history_for_its_customer_and_admins() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            order_placed(id, alice, 1, 100),
            order_placed(Uuid::now_v7(), alice, 1, 100),
            order_changed(id, 2, 2, "Ring"),
            order_cancelled(id, 3),
        ])
        .await;
    let path = format!("/order/{id}/history");
    for token in [world.customer(alice), world.admin()] {
        let events = world.get(Order, &path).token(&token).await.array();
        assert_eq!(types(&events), ["placed", "changed", "cancelled"]);
        assert_eq!(
            (&events[2]["position"], &events[2]["sequence"]),
            (&json!(4), &json!(3))
        );
        let paged = world
            .pages(Order, &format!("{path}?limit=2"), Some(&token))
            .await;
        assert_eq!(paged.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(paged.concat(), events);
    }
}

#[tokio::test]
async fn histories_of_others_answer_as_unknown_ones() {
    let world = World::new().await;
    let (order, payment, alice) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            order_placed(order, alice, 1, 100),
            payment_attempted(payment, 1, alice, Uuid::nil(), 100),
        ])
        .await;
    let mallory = world.customer(Uuid::now_v7());
    for (service, path, slug) in [
        (Order, format!("/order/{order}/history"), "order-not-found"),
        (
            Order,
            format!("/order/{payment}/history"),
            "order-not-found",
        ),
        (
            Payment,
            format!("/payment/{payment}/history"),
            "payment-not-found",
        ),
        (
            Payment,
            format!("/payment/{order}/history"),
            "payment-not-found",
        ),
    ] {
        world
            .get(service, &path)
            .token(&mallory)
            .await
            .problem(404, slug);
    }
    let unknown = format!("/order/{}/history", Uuid::now_v7());
    world
        .get(Order, &unknown)
        .token(&world.admin())
        .await
        .problem(404, "order-not-found");
}

#[tokio::test]
async fn a_payment_has_a_history() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            payment_attempted(id, 1, alice, Uuid::nil(), 100),
            payment_succeeded(id, 2, Uuid::nil()),
        ])
        .await;
    for token in [world.customer(alice), world.admin()] {
        let events = world
            .get(Payment, &format!("/payment/{id}/history"))
            .token(&token)
            .await
            .array();
        assert_eq!(types(&events), ["attempted", "succeeded"]);
    }
}

#[tokio::test]
async fn the_histories_of_products_and_stock_are_for_admins() {
    let world = World::new().await;
    let (product, stock) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            product_created(product, "Laptop", "", 100),
            stock_opened(stock, product, 1),
            product_deleted(product, 2),
            stock_retired(stock, 2),
        ])
        .await;
    let customer = world.customer(Uuid::now_v7());
    for (service, thing, id, expected) in [
        (Product, "product", product, ["created", "deleted"]),
        (Inventory, "inventory", stock, ["opened", "retired"]),
    ] {
        let path = format!("/{thing}/{id}/history");
        let events = world
            .get(service, &path)
            .token(&world.admin())
            .await
            .array();
        assert_eq!(types(&events), expected);
        world
            .get(service, &path)
            .token(&customer)
            .await
            .problem(403, "forbidden");
        let unknown = format!("/{thing}/{}/history", Uuid::now_v7());
        let slug = if thing == "product" {
            "product-not-found"
        } else {
            "stock-not-found"
        };
        world
            .get(service, &unknown)
            .token(&world.admin())
            .await
            .problem(404, slug);
    }
}

#[tokio::test]
async fn a_user_sees_what_happened_to_its_account_without_secrets() {
    let world = World::new().await;
    let (alice, bob) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            registered(alice, "alice"),
            registered(bob, "bob"),
            rehashed(alice, 2),
            role_granted(alice, 3, "admin"),
        ])
        .await;
    for service in [Order, User] {
        let answer = world
            .get(service, "/user/me/history")
            .token(&world.customer(alice))
            .await;
        assert!(
            !answer.text.contains(HASH) && !answer.text.contains("password_hash"),
            "{}",
            answer.text
        );
        let events = answer.array();
        assert_eq!(
            types(&events),
            ["registered", "password-rehashed", "role-granted"]
        );
        assert_eq!(events[2]["actor"], "system");
    }
}

fn all() -> [(Service, String); 6] {
    let id = Uuid::now_v7();
    [
        (Order, format!("/order/{id}/history")),
        (Payment, format!("/payment/{id}/history")),
        (Product, format!("/product/{id}/history")),
        (Inventory, format!("/inventory/{id}/history")),
        (User, "/user/me/history".to_owned()),
        (Order, "/user/me/history".to_owned()),
    ]
}

#[tokio::test]
async fn without_a_good_token_there_is_no_history() {
    let world = World::new().await;
    for (service, path) in all() {
        world
            .get(service, &path)
            .plain()
            .await
            .problem(401, "unauthorized");
        world
            .get(service, &path)
            .token("x")
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_can_not_be_is_a_422_that_points_at_it() {
    let world = World::new().await;
    let token = world.admin();
    for (service, path) in all() {
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("after=x", "/after"),
            ("at=1", "/at"),
        ] {
            let answer = world
                .get(service, &format!("{path}?{query}"))
                .token(&token)
                .await;
            answer.points_at(pointer);
        }
    }
    for (service, path) in [
        (Order, "/order/x/history"),
        (Payment, "/payment/x/history"),
        (Product, "/product/x/history"),
        (Inventory, "/inventory/x/history"),
    ] {
        world
            .get(service, path)
            .token(&token)
            .await
            .points_at("/id");
    }
}
