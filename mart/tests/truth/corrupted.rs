//! A read model that somebody changed by hand is found, and made anew.

use crate::program::Place;
use crate::scene::{a_day, customer, mart, start};
use crate::tables::ReadModels;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_by_hand_is_found_and_mended() {
    let place = Place::prepared();
    let shop = start(place.mart(&[])).await;
    let john = customer(&shop, "john_doe").await;
    let product = a_day(&john).await;
    let read_models = ReadModels::of(&place).await;
    read_models.at_rest().await;
    let rows = read_models.rows().await;
    mart(&place, &["verify"]).await.ends_with(0);

    let order: uuid::Uuid = sqlx::query_scalar(
        "update orders set quantity = quantity + 1
         where order_id = (select order_id from orders where order_status = 'COMPLETED' limit 1) returning order_id",
    )
    .fetch_one(read_models.of_projection("orders"))
    .await
    .expect("it was paid");
    sqlx::query("delete from product")
        .execute(read_models.of_projection("product"))
        .await
        .expect("it is gone");
    let nobody: uuid::Uuid = sqlx::query_scalar(
        "insert into \"user\" select (jsonb_populate_record(u, jsonb_build_object(
            'id', 999, 'user_id', gen_random_uuid(), 'username', 'nobody', 'email', 'nobody@example.com'))).*
         from \"user\" u limit 1 returning user_id",
    )
    .fetch_one(read_models.of_projection("user"))
    .await
    .expect("there is one more");
    assert_ne!(read_models.rows().await, rows);

    let said = mart(&place, &["verify"]).await.ends_with(1);
    for (what, named) in [
        ("the order", order.to_string()),
        ("what of it", "quantity".to_owned()),
        ("the product", product),
        ("the user", nobody.to_string()),
    ] {
        assert!(said.contains(&named), "{what}, {named}, is not in\n{said}");
    }
    mart(&place, &["verify", "--repair"]).await.ends_with(0);
    mart(&place, &["verify"]).await.ends_with(0);
    assert_eq!(read_models.rows().await, rows);
    shop.stop();
    // Also where the shop is not running.
    mart(&place, &["verify"]).await.ends_with(0);
}
