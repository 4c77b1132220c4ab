//! The curl examples, verbatim, with real curl: the ones that the README shows.

use std::path::Path;

use serde_json::{Value, json};
use service::Service;

use crate::customer::id;
use crate::program::{Place, Program};
use crate::shell::{bash, walk};

const REGISTER: &str = r#"curl -X POST "http://localhost:8003/user/register" \
  -H "Content-Type: application/json" \
  -d '{
    "username": "john_doe",
    "email": "john@example.com",
    "password": "securepassword123"
  }'"#;

const LOGIN: &str = r#"curl -X POST "http://localhost:8002/user/login" \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -d "username=john_doe&password=securepassword123""#;

const PRODUCT: &str = r#"curl -X POST "http://localhost:8000/product" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Laptop",
    "description": "High-performance laptop",
    "price": 999.99
  }'"#;

const INVENTORY: &str = r#"curl -X POST "http://localhost:8001/inventory/{product_id}" \
  -H "Content-Type: application/json" \
  -d '{
    "stock_level": 100
  }'"#;

const ORDER: &str = r#"curl -X POST "http://localhost:8002/order/{product_id}" \
  -H "Authorization: Bearer {your_jwt_token}" \
  -H "Content-Type: application/json" \
  -d '{
    "quantity": 2,
    "shipping_address": "123 Main St, City, Country",
    "customer_notes": "Please deliver in the morning"
  }'"#;

const PAYMENT: &str = r#"curl -X PUT "http://localhost:8005/payment" \
  -H "Authorization: Bearer {your_jwt_token}" \
  -H "Content-Type: application/json" \
  -d '{
    "order_id": "{order_uuid}",
    "card_number": "4242424242424242",
    "card_expiry": "12/25",
    "card_cvv": "123"
  }'"#;

const REFRESH: &str = r#"curl -X POST "http://localhost:8002/user/refresh_token" \
  -H "Content-Type: application/json" \
  -d '{
    "refresh_token": "{your_refresh_token}"
  }'"#;

/// The examples say ports 8000 to 8005; a curl configuration leads them to this shop's.
fn lead_curl_to(shop: &Program, folder: &Path) {
    let lines = Service::ALL.map(|service| {
        let here = shop.url(service, "");
        let here = here.rsplit('/').next().expect("host and port");
        format!("connect-to = \"localhost:{}:{here}\"\n", service.port(8000))
    });
    std::fs::write(
        folder.join(".curlrc"),
        lines.concat() + "silent\nshow-error\n",
    )
    .expect("ours");
}

#[test]
fn the_examples_work_as_they_stand() {
    let place = Place::prepared();
    let shop = place.start();
    lead_curl_to(&shop, place.folder());
    let mut filled: Vec<(&str, String)> = Vec::new();
    let run = |example: &str, filled: &[(&str, String)]| -> Value {
        let script = filled
            .iter()
            .fold(example.to_owned(), |script, (name, value)| {
                script.replace(name, value)
            });
        let answer = bash(place.folder(), &script);
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{script}\n{e}: {answer}"))
    };
    let registered = run(REGISTER, &filled);
    assert_eq!(
        (&registered["username"], &registered["email"]),
        (&json!("john_doe"), &json!("john@example.com"))
    );
    let login = run(LOGIN, &filled);
    filled.push(("{your_jwt_token}", id(&login, "access_token")));
    filled.push(("{your_refresh_token}", id(&login, "refresh_token")));
    let product = run(PRODUCT, &filled);
    assert_eq!(product["price"], json!(999.99));
    filled.push(("{product_id}", id(&product, "product_id")));
    assert_eq!(run(INVENTORY, &filled)["available_stock"], 100);
    let order = run(ORDER, &filled);
    assert_eq!(
        (&order["total"], &order["payment_status"]),
        (&json!(1999.98), &json!("PENDING"))
    );
    filled.push(("{order_uuid}", id(&order, "order_id")));
    let paid = run(PAYMENT, &filled);
    assert_eq!(
        (&paid["payment_status"], &paid["amount"]),
        (&json!("PAID"), &json!(1999.98))
    );
    assert_eq!(run(REFRESH, &filled)["token_type"], "bearer");
    for port in 8000..=8005 {
        assert_eq!(
            run(&format!("curl http://localhost:{port}"), &filled)["status"],
            "ok"
        );
    }
    shop.stop();
}

/// The README's own blocks, in order, in one shell: what it shows a newcomer is what works.
#[test]
fn the_readme_s_walk_through_runs_from_top_to_bottom() {
    let walk = walk();
    for example in [REGISTER, LOGIN, PRODUCT, INVENTORY, ORDER, PAYMENT, REFRESH] {
        assert!(
            walk.contains(example),
            "the README does not show\n{example}"
        );
    }
    let place = Place::prepared();
    let shop = place.start();
    lead_curl_to(&shop, place.folder());
    let told = bash(place.folder(), &walk);
    for word in [
        "john_doe",
        "access_token",
        "999.99",
        "available_stock",
        "IN_PROGRESS",
        "\"PAID\"",
        "COMPLETED",
    ] {
        assert!(told.contains(word), "nothing said {word}:\n{told}");
    }
    shop.stop();
}
