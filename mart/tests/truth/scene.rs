//! A running shop in which something has happened, and its commands.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use service::Service;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::sleep;

use crate::customer::{ALWAYS, Customer};
use crate::program::{Place, Program};

pub const PASSWORD: &str = "securepassword123";

/// What a command of the operator's said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub complaints: String,
}

impl Said {
    /// Insists on the exit code; what it said.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.complaints);
        self.out
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            complaints: text(&output.stderr),
        }
    }
}

/// Runs `mart` with these arguments to its end.
pub async fn mart(place: &Place, arguments: &[&str]) -> Said {
    let mut command = place.mart(arguments);
    let ran = tokio::task::spawn_blocking(move || command.output());
    ran.await.expect("no panic").expect("it runs").into()
}

/// Starts the shop and waits until it is ready.
pub async fn start(command: Command) -> Program {
    let started = tokio::task::spawn_blocking(move || Program::start(command));
    started.await.expect("it starts")
}

/// A database of the running shop.
pub async fn database(place: &Place, name: &str) -> PgPool {
    let joined = embedded_postgres::join(&place.data_dir(), "wasam", "wasam_password");
    PgPoolOptions::new()
        .max_connections(2)
        .connect_with(joined.expect("it runs").options(name))
        .await
        .expect("it connects")
}

pub async fn event_store(place: &Place) -> PgPool {
    database(place, "wasam_event_store").await
}

/// Somebody who has registered and logged in.
pub async fn customer<'a>(shop: &'a Program, name: &str) -> Customer<'a> {
    let stranger = Customer::stranger(shop);
    let body =
        json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    let registered = stranger.post(Service::User, "/user/register", &body).await;
    registered.is(201);
    stranger.login(name, PASSWORD).await
}

/// Somebody with the role `admin`.
pub async fn admin<'a>(place: &Place, shop: &'a Program) -> Customer<'a> {
    customer(shop, "boss").await;
    mart(place, &["user", "grant", "boss", "admin"])
        .await
        .ends_with(0);
    Customer::stranger(shop).login("boss", PASSWORD).await
}

/// A day in the shop: a product of which some were ordered, paid, changed, cancelled; the product's id.
pub async fn a_day(john: &Customer<'_>) -> String {
    let product = john.product(999.99).await;
    john.stock(&product, 1_000_000).await;
    for quantity in 1..=3 {
        let order = john.ordered(&product, quantity).await;
        john.pay(&order, ALWAYS).await.is(200);
    }
    let declined = john.ordered(&product, 4).await;
    john.pay(&declined, "4000000000000002").await.is(402);
    let cancelled = john.ordered(&product, 5).await;
    let path = format!("/order/{cancelled}");
    john.delete(Service::Order, &path).await.is(204);
    john.ordered(&product, 6).await;
    product
}

/// Writes products into the log that are described anew again and again: events enough for a rebuild to take its time,
/// and no mail.
pub async fn fill(log: &PgPool, products: i64, changes: i64) {
    sqlx::query(
        "with size as (select $1::bigint * ($2::bigint + 1) as events),
         head as (
            update log_head set position = position + size.events, recorded_at = greatest(recorded_at, clock_timestamp())
            from size returning position - size.events as before, recorded_at
         ),
         ids as (select number, gen_random_uuid()::text as id from generate_series(1, $1) as number)
         insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                             metadata, event_id, recorded_at)
         select before + (sequence - 1) * $1 + number, 'product', id, sequence, kind, '1',
                json_build_object(kind, json_build_object(
                    'name', 'Thing ' || number, 'description', 'as it was in its version ' || sequence,
                    'price', json_build_object('minor', 100 + sequence, 'currency', 'USD'), 'offered', true)),
                '{\"actor\":\"system\",\"correlation_id\":\"filling\"}', gen_random_uuid(), recorded_at
         from head, ids, generate_series(1, $2 + 1) as sequence,
              lateral (select case sequence when 1 then 'created' else 'changed' end) as named (kind)",
    )
    .bind(products)
    .bind(changes)
    .execute(log)
    .await
    .expect("they fit");
}

/// Waits until the log is sealed to its end, which takes a second.
pub async fn sealed(log: &PgPool) {
    for _ in 0..300 {
        let sealed: Option<bool> = sqlx::query_scalar(
            "select (line::json ->> 'size')::bigint = position from seal_checkpoint, log_head",
        )
        .fetch_optional(log)
        .await
        .expect("it reads");
        if sealed == Some(true) {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the log is not sealed");
}
