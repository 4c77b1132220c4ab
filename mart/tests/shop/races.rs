//! Many at once, over real HTTP.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;
use service::Service::{Inventory, Order, Payment, User};

use crate::customer::ALWAYS;
use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_customers_after_a_hundred_units_place_a_hundred_orders() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    let stock = john.stock(&product, 100).await;
    let answers = join_all((0..200).map(|_| john.order(&product, 1))).await;
    let count = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(201), count(409)), (100, 100));
    let record = john
        .get(Inventory, &format!("/inventory/{stock}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&record["reserved_stock"], &record["available_stock"]),
        (&json!(100), &json!(0))
    );
    assert_eq!(
        john.get(Order, "/orders?limit=200")
            .await
            .is(200)
            .json()
            .as_array()
            .map(Vec::len),
        Some(100)
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_payments_of_one_order_are_one() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    let stock = john.stock(&product, 10).await;
    let order_id = john.ordered(&product, 3).await;
    let answers = join_all((0..30).map(|_| john.pay(&order_id, ALWAYS))).await;
    let told: HashSet<_> = answers
        .into_iter()
        .map(|answer| answer.is(200).text)
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let record = john
        .get(Inventory, &format!("/inventory/{stock}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&record["stock_level"], &record["sold_stock"]),
        (&json!(7), &json!(3))
    );
    assert_eq!(
        john.get(Payment, "/payments")
            .await
            .is(200)
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let charged: i64 = sqlx::query_scalar(
        "select count(*) from events where event_type in ('attempted', 'succeeded')",
    )
    .fetch_one(house.shop().log().pool())
    .await
    .expect("counts");
    assert_eq!(charged, 2, "asked once, paid once");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_registrations_of_one_name_are_one() {
    let house = House::open().await;
    let stranger = house.stranger();
    let bodies: Vec<_> = (0..40)
        .map(|n| json!({"username": "john_doe", "email": format!("john{n}@example.com"), "password": "securepassword123"}))
        .collect();
    let answers = join_all(
        bodies
            .iter()
            .map(|body| stranger.post(User, "/user/register", body)),
    )
    .await;
    let count = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(201), count(409)), (1, 39));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_logins_at_once_each_get_their_own_token() {
    let house = House::open().await;
    let stranger = house.stranger();
    let names: Vec<_> = (0..60).map(|n| format!("user_{n}")).collect();
    let bodies: Vec<_> = names
        .iter()
        .map(|name| json!({"username": name, "email": format!("{name}@example.com"), "password": "securepassword123"}))
        .collect();
    for answer in join_all(
        bodies
            .iter()
            .map(|body| stranger.post(User, "/user/register", body)),
    )
    .await
    {
        answer.is(201);
    }
    let customers = join_all(
        names
            .iter()
            .map(|name| stranger.login(name, "securepassword123")),
    )
    .await;
    for (name, customer) in names.iter().zip(&customers) {
        assert_eq!(
            customer.get(User, "/user/me").await.is(200).json()["username"],
            json!(name)
        );
    }
    let tokens: HashSet<_> = customers
        .iter()
        .map(|customer| customer.token.clone())
        .collect();
    assert_eq!(tokens.len(), 60);
    house.close().await;
}
