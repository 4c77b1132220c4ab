//! A shop on a database of its own, asked without a port.

mod reply;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use embedded_postgres::testing::{TestDatabase, database};
use event_store::{EventStore, MIGRATOR};
use http_body_util::BodyExt as _;
use service::{Common, Identity, Profile, Service, port};
use tower::ServiceExt as _;
use uuid::Uuid;
use write_api::{Gateway, Shop, SimulatedGateway, routers};

pub(crate) use reply::Reply;

// Of one byte: `prod` would not take it.
const SECRET: &[u8] = &[b'k'; 32];

/// The shop's command side.
pub(crate) struct Bench {
    pub(crate) shop: Shop,
    pub(crate) database: Arc<TestDatabase>,
    ports: HashMap<Service, Router>,
}

/// Waits until it is so; not for ever.
pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}

/// A request that is being put together.
pub(crate) struct Ask<'a> {
    bench: &'a Bench,
    service: Service,
    request: axum::http::request::Builder,
    peer: SocketAddr,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Profile::Dev, Arc::new(SimulatedGateway::new(1.0, 0))).await
    }

    pub(crate) async fn with(profile: Profile, gateway: Arc<dyn Gateway>) -> Self {
        Self::on(Arc::new(database(&MIGRATOR).await), profile, gateway).await
    }

    /// Another process on the same log.
    pub(crate) async fn on(
        database: Arc<TestDatabase>,
        profile: Profile,
        gateway: Arc<dyn Gateway>,
    ) -> Self {
        let store = EventStore::open(database.pool())
            .await
            .expect("a migrated database opens");
        let common = Common::new(profile, SECRET, 15);
        let mut shop = Shop::new(store, common, gateway).expect("a hash can be made");
        shop.gateway_deadline = Duration::from_millis(300);
        Self::of(shop, database)
    }

    pub(crate) fn of(shop: Shop, database: Arc<TestDatabase>) -> Self {
        let ports = routers(&shop)
            .into_iter()
            .map(|(service, routes)| (service, port(service, routes, &shop.common)))
            .collect();
        Self {
            shop,
            database,
            ports,
        }
    }

    /// With so much time for the gateway that a busy machine does not matter.
    pub(crate) fn patient(mut self) -> Self {
        self.shop.gateway_deadline = Duration::from_secs(10);
        Self::of(self.shop, self.database)
    }

    pub(crate) fn ask(&self, service: Service, method: &Method, path: &str) -> Ask<'_> {
        Ask {
            bench: self,
            service,
            request: Request::builder().method(method).uri(path),
            peer: ([127, 0, 0, 1], 1).into(),
        }
    }

    pub(crate) fn post(&self, service: Service, path: &str) -> Ask<'_> {
        self.ask(service, &Method::POST, path)
    }

    pub(crate) fn put(&self, service: Service, path: &str) -> Ask<'_> {
        self.ask(service, &Method::PUT, path)
    }

    pub(crate) fn delete(&self, service: Service, path: &str) -> Ask<'_> {
        self.ask(service, &Method::DELETE, path)
    }

    /// A token of someone who is nobody's account: orders ask no more than the token.
    pub(crate) fn someone(&self) -> String {
        self.token(Uuid::now_v7(), "customer")
    }

    pub(crate) fn token(&self, user_id: Uuid, role: &str) -> String {
        let identity = Identity {
            user_id,
            username: "somebody".to_owned(),
            role: role.to_owned(),
        };
        self.shop
            .common
            .tokens()
            .issue(&identity, Uuid::now_v7(), self.shop.clock.now())
            .token
    }

    /// A product with so many units on the shelf; its `product_id`.
    pub(crate) async fn product(&self, price: &str, units: u32) -> String {
        let body = format!(r#"{{"name":"Laptop","description":"","price":{price}}}"#);
        let product = self
            .post(Service::Product, "/product")
            .json(&body)
            .await
            .expecting(201);
        let id = product.word("product_id");
        let path = format!("/inventory/{id}");
        self.post(Service::Inventory, &path)
            .json(&format!(r#"{{"stock_level":{units}}}"#))
            .await
            .expecting(201);
        id
    }

    /// An order of so many units; its `order_id`.
    pub(crate) async fn order(&self, token: &str, product: &str, units: u32) -> String {
        let body = format!(r#"{{"quantity":{units},"shipping_address":"123 Main St"}}"#);
        let path = format!("/order/{product}");
        self.post(Service::Order, &path)
            .bearer(token)
            .json(&body)
            .await
            .expecting(201)
            .word("order_id")
    }

    pub(crate) async fn pay(&self, token: &str, order: &str, card: &str) -> Reply {
        let cvv = if card.starts_with("37") {
            "1234"
        } else {
            "123"
        };
        let body = format!(
            r#"{{"order_id":"{order}","card_number":"{card}","card_expiry":"12/25","card_cvv":"{cvv}"}}"#
        );
        self.put(Service::Payment, "/payment")
            .bearer(token)
            .json(&body)
            .await
    }

    pub(crate) async fn register(&self, name: &str, password: &str) -> Reply {
        let body = serde_json::json!({"username": name, "email": format!("{name}@example.com"), "password": password});
        self.post(Service::User, "/user/register")
            .json(&body.to_string())
            .await
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Reply {
        self.post(Service::Order, "/user/login")
            .form(&format!("username={name}&password={password}"))
            .await
    }

    /// What the log says, as `order placed`.
    pub(crate) async fn events(&self) -> Vec<String> {
        let stored = self
            .shop
            .store
            .log()
            .stored(0, 10_000)
            .await
            .expect("the log can be read");
        stored
            .iter()
            .map(|event| format!("{} {}", event.aggregate_type, event.event_type))
            .collect()
    }

    /// Stock level, reserved and sold units of a product, as the next answer tells them.
    pub(crate) async fn levels(&self, product: &str) -> (i64, i64, i64) {
        let id = Self::stock_id(product);
        let path = format!("/inventory/{id}/adjustment");
        let more = self
            .post(Service::Inventory, &path)
            .json(r#"{"by":1}"#)
            .await
            .expecting(200);
        let number = |field: &str| more.json()[field].as_i64().expect("a number");
        (
            number("stock_level") - 1,
            number("reserved_stock"),
            number("sold_stock"),
        )
    }

    pub(crate) fn stock_id(product: &str) -> String {
        domain::id::StockId::of(product.parse().expect("a UUID")).to_string()
    }
}

impl Ask<'_> {
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn from(mut self, address: [u8; 4]) -> Self {
        self.peer = (address, 1).into();
        self
    }

    pub(crate) async fn json(self, body: &str) -> Reply {
        self.header("content-type", "application/json")
            .send(Body::from(body.to_owned()))
            .await
    }

    pub(crate) async fn form(self, body: &str) -> Reply {
        self.header("content-type", "application/x-www-form-urlencoded")
            .send(Body::from(body.to_owned()))
            .await
    }

    pub(crate) async fn empty(self) -> Reply {
        self.send(Body::empty()).await
    }

    async fn send(self, body: Body) -> Reply {
        let request = self
            .request
            .extension(ConnectInfo(self.peer))
            .body(body)
            .expect("a sane request");
        let port = self.bench.ports[&self.service].clone();
        let response = port
            .oneshot(request)
            .await
            .expect("a router always answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body of our own").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Reply {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }
}
