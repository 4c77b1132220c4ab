//! Somebody who talks HTTP to the shop, and what they are told.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use service::Service;

use crate::house::House;

#[derive(Clone)]
pub struct Customer<'a> {
    house: &'a House,
    client: reqwest::Client,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub asked: String,
}

impl Answer {
    /// Insists on the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(
            self.status, status,
            "{} answered {}: {}",
            self.asked, self.status, self.text
        );
        self
    }

    /// Insists on a problem of this kind, whole: type, title, status, detail, instance.
    #[track_caller]
    pub fn problem(self, status: u16, slug: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{}",
            answer.asked
        );
        let body = answer.json();
        assert_eq!(
            body["type"],
            format!("/problems/{slug}"),
            "{}: {body}",
            answer.asked
        );
        assert_eq!(body["status"], status, "{body}");
        for field in ["title", "detail", "instance"] {
            assert!(
                body[field].is_string(),
                "{}: no {field} in {body}",
                answer.asked
            );
        }
        body
    }

    /// Insists on a 422 that points at this field.
    #[track_caller]
    pub fn points_at(self, pointer: &str) -> Value {
        let asked = self.asked.clone();
        let body = self.is(422).json();
        let errors = body["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{asked}: no errors in {body}"));
        assert!(
            errors.iter().any(|e| e["pointer"] == pointer),
            "{asked}: nothing points at {pointer}: {body}"
        );
        body
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|e| panic!("{}: {e}: {}", self.asked, self.text))
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("{}: no {name} in {:?}", self.asked, self.headers))
            .to_str()
            .expect("printable")
    }

    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}

impl<'a> Customer<'a> {
    pub fn stranger(house: &'a House) -> Self {
        Self {
            house,
            client: client(),
            token: None,
            refresh_token: None,
        }
    }

    pub async fn login(&self, name: &str, password: &str) -> Self {
        let answer = self
            .form(
                Service::Order,
                "/user/login",
                &[("username", name), ("password", password)],
            )
            .await
            .is(200)
            .json();
        let text = |field: &str| answer[field].as_str().map(ToOwned::to_owned);
        Self {
            token: text("access_token"),
            refresh_token: text("refresh_token"),
            ..self.clone()
        }
    }

    pub fn request(&self, method: Method, service: Service, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.house.url(service, path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, service: Service, path: &str) -> Answer {
        send(self.request(Method::GET, service, path)).await
    }

    pub async fn post(&self, service: Service, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, service, path).json(body)).await
    }

    pub async fn put(&self, service: Service, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, service, path).json(body)).await
    }

    pub async fn delete(&self, service: Service, path: &str) -> Answer {
        send(self.request(Method::DELETE, service, path)).await
    }

    pub async fn form(&self, service: Service, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(self.request(Method::POST, service, path).form(fields)).await
    }

    /// A body as it stands, valid or not.
    pub async fn raw(
        &self,
        method: Method,
        service: Service,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        send(
            self.request(method, service, path)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// A product that is for sale; its id.
    pub async fn product(&self, price: f64) -> String {
        let body =
            json!({"name": "Laptop", "description": "High-performance laptop", "price": price});
        id(
            &self
                .post(Service::Product, "/product", &body)
                .await
                .is(201)
                .json(),
            "product_id",
        )
    }

    /// Puts units of it on the shelf; the stock record's id.
    pub async fn stock(&self, product: &str, units: u32) -> String {
        let path = format!("/inventory/{product}");
        let answer = self
            .post(Service::Inventory, &path, &json!({"stock_level": units}))
            .await;
        id(&answer.is(201).json(), "inventory_id")
    }

    pub async fn order(&self, product: &str, quantity: u32) -> Answer {
        self.post(
            Service::Order,
            &format!("/order/{product}"),
            &order(quantity),
        )
        .await
    }

    /// An order that must succeed; its id.
    pub async fn ordered(&self, product: &str, quantity: u32) -> String {
        id(
            &self.order(product, quantity).await.is(201).json(),
            "order_id",
        )
    }

    pub async fn pay(&self, order: &str, card: &str) -> Answer {
        self.put(Service::Payment, "/payment", &payment(order, card))
            .await
    }
}

pub const ALWAYS: &str = "4000000000000077";

pub fn order(quantity: u32) -> Value {
    json!({"quantity": quantity, "shipping_address": "123 Main St, City, Country", "customer_notes": "Please deliver in the morning"})
}

pub fn payment(order: &str, card: &str) -> Value {
    json!({"order_id": order, "card_number": card, "card_expiry": "12/25", "card_cvv": "123"})
}

#[track_caller]
pub fn id(body: &Value, field: &str) -> String {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {body}"))
        .to_owned()
}

/// Plain HTTP to this machine. The client wants a crypto provider all the same.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a sane request");
    let asked = format!("{} {}", request.method(), request.url());
    let answer = client
        .execute(request)
        .await
        .unwrap_or_else(|e| panic!("{asked}: {e}"));
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        text: answer
            .text()
            .await
            .unwrap_or_else(|e| panic!("{asked}: {e}")),
        asked,
    }
}
