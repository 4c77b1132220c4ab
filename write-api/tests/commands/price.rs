use service::Service;

use crate::bench::Bench;

#[tokio::test]
async fn prices_come_back_digit_for_digit() {
    let bench = Bench::new().await;
    for (sent, told) in [
        ("0.1", "0.1"),
        ("0.29", "0.29"),
        ("1.15", "1.15"),
        ("19.99", "19.99"),
        ("999.99", "999.99"),
        ("999999.99", "999999.99"),
        ("10", "10"),
        ("10.00", "10"),
        ("1e2", "100"),
        ("0.01", "0.01"),
        ("1000000", "1000000"),
    ] {
        let body = format!(r#"{{"name":"x","description":"","price":{sent}}}"#);
        let created = bench
            .post(Service::Product, "/product")
            .json(&body)
            .await
            .expecting(201);
        assert!(
            created.text.contains(&format!(r#""price":{told},"#)),
            "{sent}: {}",
            created.text
        );
    }
}

#[tokio::test]
async fn what_is_no_price_is_refused() {
    let bench = Bench::new().await;
    for price in [
        "0",
        "-1",
        "1.005",
        "1e9",
        "1000000.01",
        "0.001",
        "\"12\"",
        "null",
        "true",
        "[1]",
    ] {
        let body = format!(r#"{{"name":"x","description":"","price":{price}}}"#);
        bench
            .post(Service::Product, "/product")
            .json(&body)
            .await
            .pointing_at("/price");
    }
    for price in ["NaN", "Infinity", "01", "1.", ".5", "+1", "1e9999"] {
        let body = format!(r#"{{"name":"x","description":"","price":{price}}}"#);
        bench
            .post(Service::Product, "/product")
            .json(&body)
            .await
            .refusing(400, "malformed");
    }
    assert!(bench.events().await.is_empty());
}
