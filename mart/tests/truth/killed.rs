//! `kill -9` in the middle of a rebuild: the live read models serve, and nothing is left over.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use service::Service;
use tokio::time::sleep;

use crate::customer::{Customer, send};
use crate::program::{Place, Program};
use crate::scene::{a_day, admin, event_store, fill, mart, start};
use crate::tables::{PROJECTIONS, ReadModels};

const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute or two: ten kills, each in the middle of a rebuild of everything"]
async fn ten_kills_during_a_rebuild_leave_the_live_read_models_and_nothing_else() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let place = Place::prepared();
    let mut shop = start(place.mart(&[])).await;
    let boss = admin(&place, &shop).await;
    let product = a_day(&boss).await;
    let (token, path) = (boss.token.clone(), format!("/product/{product}"));
    fill(&event_store(&place).await, 100, 200).await;
    let read_models = ReadModels::of(&place).await;
    read_models.at_rest().await;
    let (rows, relations) = (read_models.rows().await, read_models.relations().await);
    let asked = Instant::now();
    rebuild_all(&boss).await;
    all_rebuilt(&boss).await;
    let whole = asked.elapsed();
    drop(read_models);

    for round in 1..=ROUNDS {
        let moment = whole.mul_f64(random.random());
        println!("{round}: killed {moment:?} into a rebuild of {whole:?}");
        let boss = with(&shop, token.as_ref());
        rebuild_all(&boss).await;
        sleep(moment).await;
        shop.kill();

        shop = start(place.mart(&[])).await;
        let boss = with(&shop, token.as_ref());
        boss.get(Service::Product, &path).await.is(200);
        let orders = boss.get(Service::Order, "/orders").await.is(200).json();
        assert_eq!(orders.as_array().map(Vec::len), Some(5), "{orders}");
        let read_models = ReadModels::of(&place).await;
        assert_eq!(read_models.rows().await, rows, "the live rows");
        all_rebuilt(&boss).await; // what was begun is finished by itself
        rebuild_all(&boss).await;
        all_rebuilt(&boss).await;
        assert_eq!(read_models.rows().await, rows, "the new rows");
        assert_eq!(read_models.relations().await, relations);
        let kept: Vec<_> = PROJECTIONS
            .map(|(name, ..)| format!("{name}_previous"))
            .into();
        assert_eq!(read_models.schemas().await, kept);
    }
    let boss = with(&shop, token.as_ref());
    for (name, ..) in PROJECTIONS {
        let path = format!("/projections/{name}/previous");
        boss.delete(Service::Operator, &path).await.is(204);
    }
    let nothing: [&str; 0] = [];
    assert_eq!(ReadModels::of(&place).await.schemas().await, nothing);
    mart(&place, &["verify"]).await.ends_with(0);
    shop.stop();
}

fn with<'a>(shop: &'a Program, token: Option<&String>) -> Customer<'a> {
    let mut customer = Customer::stranger(shop);
    customer.token = token.cloned();
    customer
}

async fn rebuild_all(boss: &Customer<'_>) {
    for (name, ..) in PROJECTIONS {
        let path = format!("/projections/{name}/rebuild");
        let asked = boss.request(Method::POST, Service::Operator, &path);
        send(asked).await.is(202);
    }
}

/// Waits until none is rebuilt any more.
async fn all_rebuilt(boss: &Customer<'_>) {
    let mut told = json!(null);
    for _ in 0..1_200 {
        told = boss
            .get(Service::Operator, "/projections")
            .await
            .is(200)
            .json();
        let projections = told.as_array().expect("a list");
        assert_eq!(projections.len(), PROJECTIONS.len());
        if projections.iter().all(|one| is_nothing(one.get("rebuild"))) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("they are still rebuilt: {told}");
}

fn is_nothing(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}
