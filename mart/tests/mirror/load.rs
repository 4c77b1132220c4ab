//! Customers who give commands all the time, and remember what they were promised.

mod shift;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures::future::join_all;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use service::Service;
use tokio::time::Instant;
use uuid::Uuid;

use crate::process::Process;
use shift::Shift;

/// A card that the gateway always accepts.
pub const CARD: &str = "4000000000000077";
pub const PASSWORD: &str = "securepassword123";

const BUYERS: usize = 16;
const PRODUCTS: usize = 6;

/// Customers at a write-api that is up all the time.
pub struct Load {
    client: reqwest::Client,
    urls: HashMap<&'static str, String>,
    /// Access tokens.
    buyers: Vec<String>,
    shelves: Vec<Shelf>,
    seed: u64,
    promised: Promised,
}

struct Shelf {
    product: String,
    inventory: String,
}

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Promised {
    pub commands: usize,
    pub users: BTreeSet<String>,
    pub products: BTreeSet<String>,
    pub orders: BTreeSet<String>,
    pub payments: BTreeSet<String>,
}

impl Promised {
    fn add(&mut self, other: Self) {
        self.commands += other.commands;
        self.users.extend(other.users);
        self.products.extend(other.products);
        self.orders.extend(other.orders);
        self.payments.extend(other.payments);
    }
}

/// Plain HTTP to this machine. The client wants a crypto provider all the same.
pub fn client(patience: Duration) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(patience)
        .build()
        .expect("a client")
}

/// What was asked must be answered with this status; the body, and the consistency token.
pub async fn told(request: RequestBuilder, status: u16) -> (Value, String) {
    let (client, request) = request.build_split();
    let request = request.expect("a sane request");
    let asked = format!("{} {}", request.method(), request.url());
    let answer = client
        .execute(request)
        .await
        .unwrap_or_else(|error| panic!("{asked}: {error}"));
    let got = answer.status().as_u16();
    let token = answer.headers().get("consistency-token");
    let token = token.map(|token| token.to_str().expect("printable").to_owned());
    let text = answer.text().await.expect("a whole answer");
    assert_eq!(got, status, "{asked}: {text}");
    let body = serde_json::from_str(&text).unwrap_or_default();
    (body, token.unwrap_or_default())
}

fn id(body: &Value, field: &str) -> String {
    let id = body[field].as_str();
    id.unwrap_or_else(|| panic!("no {field} in {body}"))
        .to_owned()
}

impl Load {
    pub async fn open(write: &Process, seed: u64) -> Self {
        let urls = Service::ALL.map(|service| (service.name(), write.url(service, "")));
        let mut load = Self {
            client: client(Duration::from_secs(30)),
            urls: urls.into(),
            buyers: Vec::new(),
            shelves: Vec::new(),
            seed,
            promised: Promised::default(),
        };
        for _ in 0..BUYERS {
            let (name, user) = load.register().await;
            load.promised.users.insert(user);
            let login = load
                .client
                .post(load.url(Service::Order, "/user/login"))
                .form(&[("username", name.as_str()), ("password", PASSWORD)]);
            let (login, _) = told(login, 200).await;
            load.buyers.push(id(&login, "access_token"));
        }
        for number in 0..PRODUCTS {
            let product = load.product(number).await;
            let shelf = load
                .client
                .post(load.url(Service::Inventory, &format!("/inventory/{product}")))
                .json(&json!({"stock_level": 1_000_000}));
            let inventory = id(&told(shelf, 201).await.0, "inventory_id");
            load.promised.products.insert(product.clone());
            load.shelves.push(Shelf { product, inventory });
        }
        load.promised.commands = BUYERS * 2 + PRODUCTS * 2;
        load
    }

    /// Everything that was promised so far.
    pub fn promised(&self) -> &Promised {
        &self.promised
    }

    /// The access token of one who places orders.
    pub fn buyer(&self) -> &str {
        &self.buyers[0]
    }

    fn url(&self, service: Service, path: &str) -> String {
        format!("{}{path}", self.urls[service.name()])
    }

    /// Name and id of a new user.
    async fn register(&self) -> (String, String) {
        let name = format!("user_{}", Uuid::now_v7().simple());
        let user =
            json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        let request = self
            .client
            .post(self.url(Service::User, "/user/register"))
            .json(&user);
        let user = id(&told(request, 201).await.0, "user_id");
        (name, user)
    }

    async fn product(&self, number: usize) -> String {
        let product = json!({"name": format!("Thing {number}"), "description": "", "price": 1.5});
        let request = self
            .client
            .post(self.url(Service::Product, "/product"))
            .json(&product);
        id(&told(request, 201).await.0, "product_id")
    }

    /// Gives so many commands, so many a second or as fast as they are answered; each must be acknowledged.
    pub async fn give(&mut self, commands: usize, a_second: u32) {
        self.seed += 1;
        let start = Instant::now();
        let shifts = (0..BUYERS).map(|number| {
            let turns = (number..commands).step_by(BUYERS);
            Shift {
                load: self,
                token: &self.buyers[number],
                random: StdRng::seed_from_u64(self.seed * 100 + number as u64),
                open: Vec::new(),
                promised: Promised::default(),
            }
            .work(turns, start, a_second)
        });
        let promised = join_all(shifts).await;
        for one in promised {
            self.promised.add(one);
        }
    }

    /// Places one order; its id and the consistency token.
    pub async fn order(&mut self) -> (String, String) {
        let product = &self.shelves[0].product;
        let request = self
            .client
            .post(self.url(Service::Order, &format!("/order/{product}")))
            .bearer_auth(self.buyer())
            .json(&order(1));
        let (body, token) = told(request, 201).await;
        let order = id(&body, "order_id");
        self.promised.orders.insert(order.clone());
        self.promised.commands += 1;
        (order, token)
    }

    /// Changes an order of the first buyer's.
    pub async fn change(&mut self, id: &str, quantity: u32) {
        let request = self
            .client
            .put(self.url(Service::Order, &format!("/order/{id}")))
            .bearer_auth(self.buyer())
            .json(&order(quantity));
        told(request, 200).await;
        self.promised.commands += 1;
    }
}

fn order(quantity: u32) -> Value {
    json!({"quantity": quantity, "shipping_address": "123 Main St, City, Country", "customer_notes": "Please deliver in the morning"})
}

fn payment(order: &str) -> Value {
    json!({"order_id": order, "card_number": CARD, "card_expiry": "12/25", "card_cvv": "123"})
}
