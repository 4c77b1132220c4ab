//! From a POST until another process shows the order. An open loop: an order is due every 20 ms, whether or not the ones
//! before it have been answered, and its time begins when it is due.

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::Result;
use crate::broker::Broker;
use crate::shop::{Databases, Process};

const APART: Duration = Duration::from_millis(20);
/// Orders before the measurement: connections, plans and caches are made by then.
const FIRST: usize = 100;

pub struct Seen {
    /// From when it was due to the write's answer.
    pub answered: Spread,
    /// From the write's answer to the read's that shows it.
    pub visible: Spread,
}

pub struct Spread {
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// Without Kafka, and through it: the same processes on databases of their own.
pub async fn compare(folder: &Path, broker: &Broker, orders: usize) -> Result<(Seen, Seen)> {
    let direct = run(&folder.join("direct"), None, orders).await?;
    let mirrored = run(&folder.join("mirrored"), Some(broker.address()), orders).await?;
    Ok((direct, mirrored))
}

async fn run(folder: &Path, kafka: Option<&str>, orders: usize) -> Result<Seen> {
    let databases = Databases::start(folder).await?;
    let write = Process::start("write-api", &databases, kafka)?;
    let relay = kafka
        .map(|_| Process::start("relay", &databases, kafka))
        .transpose()?;
    let projectors = Process::start("projectors", &databases, kafka)?;
    let read = Process::start("read-api", &databases, kafka)?;
    let customer = Customer::arrive(&write, &read).await?;
    let mut times = Vec::new();
    let mut under_way = JoinSet::new();
    let mut due = interval(APART);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..FIRST + orders {
        let due = due.tick().await;
        let customer = customer.clone();
        under_way.spawn(async move {
            sleep_until(due).await;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((number, customer.order(due).await?))
        });
    }
    while let Some(done) = under_way.join_next().await {
        let (number, taken) = done??;
        if number >= FIRST {
            times.push(taken);
        }
    }
    drop((write, relay, projectors, read));
    Ok(Seen {
        answered: spread(times.iter().map(|(answered, _)| *answered).collect())?,
        visible: spread(times.iter().map(|(_, visible)| *visible).collect())?,
    })
}

fn spread(mut times: Vec<Duration>) -> Result<Spread> {
    times.sort_unstable();
    let last = times.len().checked_sub(1).ok_or("nothing was measured")?;
    Ok(Spread {
        p50: times[last / 2],
        p99: times[last * 99 / 100],
        max: times[last],
    })
}

#[derive(Clone)]
pub struct Customer {
    http: reqwest::Client,
    token: String,
    post: String,
    get: String,
}

impl Customer {
    /// Registers, logs in, and finds enough of one product on the shelf.
    pub async fn arrive(write: &Process, read: &Process) -> Result<Self> {
        let http = reqwest::Client::new();
        let post = async |url: String, body: Value| -> Result<Value> {
            let answer = http.post(url).json(&body).send().await?;
            Ok(answer.error_for_status()?.json().await?)
        };
        post(
            write.url("user", "/user/register")?,
            json!({"username": "john_doe", "email": "john@example.com", "password": "securepassword123"}),
        )
        .await?;
        let login = http
            .post(write.url("order", "/user/login")?)
            .form(&[("username", "john_doe"), ("password", "securepassword123")])
            .send()
            .await?;
        let login: Value = login.error_for_status()?.json().await?;
        let product = post(
            write.url("product", "/product")?,
            json!({"name": "Laptop", "description": "High-performance laptop", "price": 999.99}),
        )
        .await?;
        let product = text(&product, "product_id")?;
        post(
            write.url("inventory", &format!("/inventory/{product}"))?,
            json!({"stock_level": 1_000_000_000}),
        )
        .await?;
        let token = text(&login, "access_token")?;
        Ok(Self {
            post: write.url("order", &format!("/order/{product}"))?,
            get: read.url("order", "/order/")?,
            http,
            token,
        })
    }

    /// Orders one; what was answered, and the token that the read which shows it needs.
    pub async fn place(&self) -> Result<(Value, HeaderValue)> {
        let placed = self
            .http
            .post(&self.post)
            .bearer_auth(&self.token)
            .json(&json!({"quantity": 1, "shipping_address": "123 Main St, City, Country"}))
            .send()
            .await?
            .error_for_status()?;
        let shows = placed
            .headers()
            .get("consistency-token")
            .ok_or("no token")?
            .clone();
        Ok((placed.json().await?, shows))
    }

    /// Orders one and looks for it; how long the answers took.
    async fn order(&self, due: Instant) -> Result<(Duration, Duration)> {
        let (order, shows) = self.place().await?;
        let answered = Instant::now();
        self.http
            .get(format!("{}{}", self.get, text(&order, "order_id")?))
            .bearer_auth(&self.token)
            .header("consistency-token", shows)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        Ok((answered - due, answered.elapsed()))
    }
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let found = answer[field].as_str();
    Ok(found.ok_or_else(|| format!("no {field}"))?.to_owned())
}
