//! `kill -9` of the whole program at any moment: nothing that was acknowledged is gone, sums are right, and the read models
//! are what a fresh replay of the log makes.

mod aftermath;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use service::Service;

use crate::customer::{ALWAYS, client, order, payment};
use crate::program::{Place, Program};
use aftermath::{equal_to_a_replay, settled_sums};

const ROUNDS: usize = 20;

/// What the shop has promised so far.
#[derive(Default)]
struct Promised {
    /// Order id → whether it was said to be paid.
    orders: BTreeMap<String, bool>,
    products: Vec<String>,
    users: Vec<String>,
}

struct Buyer {
    client: reqwest::Client,
    token: String,
    product: String,
}

impl Buyer {
    /// Orders, pays, creates and registers until the line breaks.
    async fn shop(
        &self,
        urls: &HashMap<&'static str, String>,
        stop: &AtomicBool,
        n: usize,
    ) -> Promised {
        let mut promised = Promised::default();
        let url = |service: Service, path: &str| format!("{}{path}", urls[service.name()]);
        let mut turn = n;
        while !stop.load(Ordering::Relaxed) {
            turn += 1;
            let placed = self
                .client
                .post(url(Service::Order, &format!("/order/{}", self.product)))
                .bearer_auth(&self.token)
                .json(&order(1));
            let Some((201, body)) = ask(placed).await else {
                continue;
            };
            let id = body["order_id"].as_str().expect("an id").to_owned();
            promised.orders.insert(id.clone(), false);
            if turn.is_multiple_of(2) {
                let paid = self
                    .client
                    .put(url(Service::Payment, "/payment"))
                    .bearer_auth(&self.token)
                    .json(&payment(&id, ALWAYS));
                if let Some((200, _)) = ask(paid).await {
                    promised.orders.insert(id, true);
                }
            }
            if turn.is_multiple_of(5) {
                let product =
                    json!({"name": format!("Thing {turn}"), "description": "", "price": 1.5});
                if let Some((201, body)) = ask(self
                    .client
                    .post(url(Service::Product, "/product"))
                    .json(&product))
                .await
                {
                    promised
                        .products
                        .push(body["product_id"].as_str().expect("an id").to_owned());
                }
            }
            if turn.is_multiple_of(17) {
                let name = format!("user_{}", uuid::Uuid::now_v7().simple());
                let user = json!({"username": name, "email": format!("{name}@example.com"), "password": "securepassword123"});
                if let Some((201, _)) = ask(self
                    .client
                    .post(url(Service::User, "/user/register"))
                    .json(&user))
                .await
                {
                    promised.users.push(name);
                }
            }
        }
        promised
    }
}

/// Status and body, or nothing when the line broke; a 5xx other than 503 is a bug at any moment.
async fn ask(request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    assert!(
        status < 500 || status == 503,
        "{status}: {:?}",
        answer.text().await
    );
    Some((status, answer.json().await.ok()?))
}

fn urls(shop: &Program) -> HashMap<&'static str, String> {
    Service::ALL
        .into_iter()
        .map(|service| (service.name(), shop.url(service, "")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_nothing_that_was_promised() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let place = Place::prepared();
    let client = client();
    let mut shop = place.start();
    let john = json!({"username": "john_doe", "email": "john@example.com", "password": "securepassword123"});
    ask(client
        .post(shop.url(Service::User, "/user/register"))
        .json(&john))
    .await
    .expect("registers");
    let login = client
        .post(shop.url(Service::Order, "/user/login"))
        .form(&[("username", "john_doe"), ("password", "securepassword123")]);
    let (_, login) = ask(login).await.expect("logs in");
    let token = login["access_token"].as_str().expect("a token").to_owned();
    let laptop = json!({"name": "Laptop", "description": "", "price": 999.99});
    let (_, product) = ask(client
        .post(shop.url(Service::Product, "/product"))
        .json(&laptop))
    .await
    .expect("creates");
    let product = product["product_id"].as_str().expect("an id").to_owned();
    let shelf = client
        .post(shop.url(Service::Inventory, &format!("/inventory/{product}")))
        .json(&json!({"stock_level": 1_000_000}));
    let (_, record) = ask(shelf).await.expect("opens");
    let stock = record["inventory_id"].as_str().expect("an id").to_owned();
    let buyer = Arc::new(Buyer {
        client: client.clone(),
        token: token.clone(),
        product,
    });

    let mut promised = Promised::default();
    for _ in 0..ROUNDS {
        let enough = Arc::new(AtomicBool::new(false));
        let urls = Arc::new(urls(&shop));
        let buyers: Vec<_> = (0..8)
            .map(|n| {
                let (buyer, urls, enough) =
                    (Arc::clone(&buyer), Arc::clone(&urls), Arc::clone(&enough));
                tokio::spawn(async move { buyer.shop(&urls, &enough, n).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        shop.kill();
        enough.store(true, Ordering::Relaxed);
        for buyer in buyers {
            let more = buyer.await.expect("no 5xx");
            promised.orders.extend(more.orders);
            promised.products.extend(more.products);
            promised.users.extend(more.users);
        }
        shop = tokio::task::spawn_blocking({
            let command = place.mart(&[]);
            move || Program::start(command)
        })
        .await
        .expect("it recovers by itself");
    }
    assert!(
        promised.orders.len() > ROUNDS,
        "{} orders",
        promised.orders.len()
    );

    for (id, paid) in &promised.orders {
        let request = client
            .get(shop.url(Service::Order, &format!("/order/{id}")))
            .bearer_auth(&token);
        let (status, order) = ask(request).await.expect("answers");
        assert_eq!(status, 200, "order {id} was promised and is gone");
        assert!(
            !paid || order["payment_status"] == "PAID",
            "order {id} was said to be paid: {order}"
        );
    }
    for id in &promised.products {
        let request = client.get(shop.url(Service::Product, &format!("/product/{id}")));
        assert_eq!(
            ask(request).await.expect("answers").0,
            200,
            "product {id} was promised and is gone"
        );
    }
    for name in &promised.users {
        let login = client.post(shop.url(Service::Order, "/user/login")).form(&[
            ("username", name.as_str()),
            ("password", "securepassword123"),
        ]);
        assert_eq!(
            ask(login).await.expect("answers").0,
            200,
            "user {name} was promised and is gone"
        );
    }
    settled_sums(&place, &client, &shop, &token, &stock).await;
    equal_to_a_replay(&place).await;
    shop.stop();
}
