//! Databases that do not belong together.

use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_refuses_to_start_on_read_models_of_another_log() {
    let (house, other) = (House::open().await, House::open().await);
    for shop in [&house, &other] {
        shop.stranger().product(1.0).await;
    }
    let Err(refused) = house.start_on_the_log_of(&other).await else {
        panic!("two logs would share one set of read models")
    };
    let told = format!("{refused:#}");
    assert!(
        told.contains("log") && told.contains("_DATABASE_URL"),
        "{told}"
    );
    let list = house
        .stranger()
        .get(service::Service::Product, "/products")
        .await;
    assert_eq!(list.is(200).json().as_array().map(Vec::len), Some(1));
    house.close().await;
    other.close().await;
}
