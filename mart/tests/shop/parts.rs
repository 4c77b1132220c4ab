//! Writing and reading in processes of their own.

use mart::{Role, RunningShop};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::Service;

use crate::customer::client;
use crate::house::House;

/// A write side and a read side beside a whole shop, which keeps the read models.
struct Parts {
    house: House,
    writing: RunningShop,
    reading: RunningShop,
    client: Client,
}

impl Parts {
    async fn open() -> Self {
        let house = House::open().await;
        Self {
            writing: house.start_beside(Role::WriteApi).await,
            reading: house.start_beside(Role::ReadApi).await,
            house,
            client: client(),
        }
    }

    fn ask(
        &self,
        shop: &RunningShop,
        method: Method,
        service: Service,
        path: &str,
    ) -> reqwest::RequestBuilder {
        let base = shop.url(service);
        let url = format!("{}{path}", base.trim_end_matches('/'));
        self.client.request(method, url)
    }

    async fn page(&self, shop: &RunningShop, service: Service) -> Value {
        let asked = self.ask(shop, Method::GET, service, "/openapi.json");
        let answer = asked.send().await.expect("it answers");
        answer.json().await.expect("a page in JSON")
    }

    async fn close(self) {
        for shop in [self.writing, self.reading] {
            shop.shutdown().await.expect("an orderly end");
        }
        self.house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_shows_the_whole_page_and_says_which_methods_a_path_has() {
    let parts = Parts::open().await;
    let (writing, reading) = (&parts.writing, &parts.reading);
    for service in Service::ALL {
        let whole = parts.page(parts.house.shop(), service).await;
        assert_eq!(parts.page(writing, service).await, whole, "{service}");
        assert_eq!(parts.page(reading, service).await, whole, "{service}");
    }
    for (shop, method, service, path, allowed) in [
        (
            reading,
            Method::GET,
            Service::User,
            "/user/register",
            "POST",
        ),
        (
            writing,
            Method::POST,
            Service::Product,
            "/products",
            "GET,HEAD",
        ),
        (
            writing,
            Method::GET,
            Service::Product,
            "/products",
            "GET,HEAD",
        ),
    ] {
        let answer = parts.ask(shop, method.clone(), service, path).send().await;
        let answer = answer.expect("it answers");
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    parts.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_part_wrote_another_shows_to_whom_brings_the_token() {
    let parts = Parts::open().await;
    for _ in 0..20 {
        let body = json!({"name": "Laptop", "description": "", "price": 1});
        let written = parts
            .ask(&parts.writing, Method::POST, Service::Product, "/product")
            .json(&body)
            .send()
            .await
            .expect("it answers");
        assert_eq!(written.status(), 201);
        let (token, path) = (
            written.headers()["consistency-token"].clone(),
            written.headers()["location"].clone(),
        );
        let path = path.to_str().expect("ASCII");
        let read = parts
            .ask(&parts.reading, Method::GET, Service::Product, path)
            .header("consistency-token", token)
            .send()
            .await
            .expect("it answers");
        assert_eq!(read.status(), 200);
    }
    parts.close().await;
}
