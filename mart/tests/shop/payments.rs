//! The table of port 8005, row by row, status by status.

use serde_json::json;
use service::Service::{Inventory, Order, Payment};
use uuid::Uuid;

use crate::customer::{ALWAYS, Customer, id, order, payment};
use crate::house::House;

async fn ordered(john: &Customer<'_>) -> String {
    let product = john.product(999.99).await;
    john.stock(&product, 10).await;
    john.ordered(&product, 2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_twice_charges_once_and_answers_the_same() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let order_id = ordered(&john).await;
    let paid = john.pay(&order_id, ALWAYS).await.is(200).json();
    assert_eq!(paid["payment_status"], "PAID");
    assert_eq!(paid["order_id"], order_id);
    assert_eq!(paid["amount"], json!(1999.98));
    assert_eq!(paid["card"], json!({"brand": "visa", "last4": "0077"}));
    assert_eq!(
        john.pay(&order_id, "4242424242424242").await.is(200).json(),
        paid
    );
    let path = format!("/payment/{}", id(&paid, "payment_id"));
    let read = john.get(Payment, &path).await.is(200).json();
    for field in [
        "payment_id",
        "order_id",
        "user_id",
        "payment_status",
        "amount",
        "card",
    ] {
        assert_eq!(read[field], paid[field], "{field}");
    }
    assert_eq!(
        john.get(Payment, "/payments")
            .await
            .is(200)
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let mallory = house.customer("mallory").await;
    mallory
        .get(Payment, &path)
        .await
        .problem(404, "payment-not-found");
    assert_eq!(
        mallory.get(Payment, "/payments").await.is(200).json(),
        json!([])
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listed_card_does_what_the_list_says() {
    let house = House::open_with(&["--gateway-success-rate", "0"]).await;
    let john = house.customer("john_doe").await;
    let order_id = ordered(&john).await;
    for (card, code) in [
        ("4000000000000002", "generic_decline"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
        ("4000000000000119", "processing_error"),
    ] {
        let declined = john
            .pay(&order_id, card)
            .await
            .problem(402, "payment-declined");
        assert_eq!(
            (&declined["decline_code"], &declined["payment_status"]),
            (&json!(code), &json!("FAILED"))
        );
        let read = john
            .get(Order, &format!("/order/{order_id}"))
            .await
            .is(200)
            .json();
        assert_eq!(
            (&read["order_status"], &read["payment_status"]),
            (&json!("IN_PROGRESS"), &json!("FAILED"))
        );
    }
    // These take part in the success rate, which is 0 here.
    for card in ["4242424242424242", "5555555555554444"] {
        john.pay(&order_id, card)
            .await
            .problem(402, "payment-declined");
    }
    let mut amex = payment(&order_id, "378282246310005");
    amex["card_cvv"] = json!("1234");
    john.put(Payment, "/payment", &amex)
        .await
        .problem(402, "payment-declined");
    // The order stays payable, and the stock reserved.
    john.pay(&order_id, ALWAYS).await.is(200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_card_points_at_the_field() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let order_id = ordered(&john).await;
    for (field, value) in [
        ("card_number", "4242424242424241"),
        ("card_number", "4242"),
        ("card_number", "42424242424242424242"),
        ("card_number", "4242 4242 4242 424x"),
        ("card_number", ""),
        ("card_expiry", "13/30"),
        ("card_expiry", "00/30"),
        ("card_expiry", "1230"),
        ("card_expiry", "12/2030"),
        ("card_cvv", "12"),
        ("card_cvv", "1234"),
        ("card_cvv", "12a"),
        ("order_id", "none"),
    ] {
        let mut body = payment(&order_id, "4242424242424242");
        body[field] = json!(value);
        let told = john
            .put(Payment, "/payment", &body)
            .await
            .points_at(&format!("/{field}"));
        assert!(
            value.is_empty() || field == "order_id" || !told.to_string().contains(value),
            "echoed: {told}"
        );
    }
    // A card that is not on the list needs a future: this one's expiry has passed.
    let mut body = payment(&order_id, "4111111111111111");
    body["card_expiry"] = json!("12/20");
    john.put(Payment, "/payment", &body)
        .await
        .points_at("/card_expiry");
    body["card_expiry"] = json!("12/60");
    john.put(Payment, "/payment", &body).await.is(200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_orders_and_strangers_pay_nothing() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    john.pay(&Uuid::now_v7().to_string(), ALWAYS)
        .await
        .problem(404, "order-not-found");
    let order_id = ordered(&john).await;
    house
        .stranger()
        .pay(&order_id, ALWAYS)
        .await
        .problem(401, "unauthorized");
    john.delete(Order, &format!("/order/{order_id}"))
        .await
        .is(204);
    john.pay(&order_id, ALWAYS)
        .await
        .problem(404, "order-not-found");
    john.get(Payment, &format!("/payment/{}", Uuid::now_v7()))
        .await
        .problem(404, "payment-not-found");
    house.stranger().get(Payment, "/payments").await.is(401);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_gateway_accepts_about_nine_in_ten() {
    let house = House::open_with(&["--gateway-success-rate=0.9"]).await;
    let john = house.customer("john_doe").await;
    let product = john.product(1.0).await;
    john.stock(&product, 1000).await;
    let mut paid = 0;
    for _ in 0..100 {
        let order_id = john.ordered(&product, 1).await;
        match john.pay(&order_id, "4242424242424242").await.status {
            200 => paid += 1,
            402 => {}
            other => panic!("{other}"),
        }
    }
    // Binomial(100, 0.9): outside of 75 to 99 with a probability below 0.0001.
    assert!((75..=99).contains(&paid), "{paid}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_card_number_and_no_secret_is_kept_anywhere() {
    let house = House::open().await;
    let john = house.customer("john_doe").await;
    let order_id = ordered(&john).await;
    let mut body = payment(&order_id, "4111 1111 1111 1111");
    body["card_expiry"] = json!("12/60");
    body["card_cvv"] = json!("739");
    john.put(Payment, "/payment", &body).await.is(200);
    for path in ["/payments", "/orders"] {
        let service = if path == "/orders" { Order } else { Payment };
        let text = john.get(service, path).await.is(200).text;
        assert!(
            !text.contains("4111111111111111") && !text.contains("739\""),
            "{text}"
        );
    }
    let stored: Vec<String> =
        sqlx::query_scalar("select payload::text || metadata::text from events")
            .fetch_all(house.shop().log().pool())
            .await
            .expect("the log reads");
    assert!(stored.len() > 5);
    for event in stored {
        for secret in [
            "4111111111111111",
            "4111 1111",
            "\"739\"",
            "securepassword123",
        ] {
            assert!(!event.contains(secret), "{event}");
        }
    }
    john.put(Order, &format!("/order/{order_id}"), &order(1))
        .await
        .is(409);
    assert_eq!(
        john.get(Inventory, "/inventory").await.is(200).json()[0]["sold_stock"],
        2
    );
    house.close().await;
}
