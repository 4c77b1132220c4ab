//! What the sealer costs whoever appends: rounds with and without it take turns on one log, 32 tasks at once.
//!
//! Two figures: how many appends get done, which other work on the machine blurs, and how much processor time an append
//! takes, the database's share included, which decides where the processors are what there is too little of.
//!
//! `cargo bench -p event-store --bench sealing`; `-- ROUNDS SECONDS` for other than 20 pairs of rounds of 3 s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::id::{OrderId, ProductId, StockId};
use domain::quantity::{Quantity, StockLevel};
use domain::stock::{Command, Error, Stock};
use embedded_postgres::testing::database;
use event_store::seal::{Sealer, SigningKey};
use event_store::{Context, EventStore, MIGRATOR, Unit};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TASKS: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u32>().ok());
    let rounds = numbers.next().unwrap_or(20);
    let length = Duration::from_secs(numbers.next().unwrap_or(3).into());
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await?;
    let folder = tempfile::tempdir()?;
    let mut stocks = Vec::new();
    for _ in 0..TASKS {
        stocks.push(open_stock(&store).await?);
    }
    // The first rounds of a new log are faster than the rest.
    appends(&store, &stocks, length).await?;
    println!(
        "appends/s without and with the sealer, ratio; microseconds of processor time for one, ratio"
    );
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Whoever comes second is not always the same.
        let mut told = [Told::default(); 2];
        for sealing in [round % 2 == 1, round % 2 == 0] {
            seal_all(&store, &folder).await?;
            let before = processor_time(&store).await?;
            let (stop, sealer) = (CancellationToken::new(), sealer(&store, &folder)?);
            let sealer = sealing.then(|| tokio::spawn(sealer.run(stop.clone())));
            let appended = appends(&store, &stocks, length).await?;
            let used = processor_time(&store).await? - before;
            stop.cancel();
            if let Some(sealer) = sealer {
                sealer.await?;
            }
            told[usize::from(sealing)] = Told {
                rate: f64::from(appended) / length.as_secs_f64(),
                cost: used * 1e6 / f64::from(appended),
            };
        }
        let [without, with] = told;
        rates.push(with.rate / without.rate);
        costs.push(with.cost / without.cost);
        println!(
            "{:>7.0} {:>7.0} {:.3}; {:>5.1} {:>5.1} {:.3}",
            without.rate,
            with.rate,
            with.rate / without.rate,
            without.cost,
            with.cost,
            with.cost / without.cost,
        );
    }
    println!(
        "{} events; medians of the ratios {:.3}; {:.3}",
        store.log().head().await?,
        median(rates)?,
        median(costs)?
    );
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Told {
    rate: f64,
    cost: f64,
}

fn median(mut ratios: Vec<f64>) -> Result<f64> {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().context("no rounds")
}

/// Seconds that this process and the database's for it have used; sessions that have ended do not count.
async fn processor_time(store: &EventStore) -> Result<f64> {
    let sessions: Vec<i32> =
        sqlx::query_scalar("select pid from pg_stat_activity where datname = current_database()")
            .fetch_all(store.log().pool())
            .await?;
    let mut ticks = 0.0;
    for process in sessions
        .iter()
        .map(i32::to_string)
        .chain(["self".to_owned()])
    {
        let Ok(told) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        let (_, fields) = told.rsplit_once(')').context("no name")?;
        for field in fields.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<f64>()?;
        }
    }
    // A tick is a hundredth of a second wherever Linux runs.
    Ok(ticks / 100.0)
}

fn sealer(store: &EventStore, folder: &TempDir) -> Result<Sealer> {
    let key = SigningKey::read_or_make(folder.path())?;
    Ok(Sealer::new(store.log(), folder.path().to_owned(), key))
}

/// Leaves nothing to the next round.
async fn seal_all(store: &EventStore, folder: &TempDir) -> Result<()> {
    let stop = CancellationToken::new();
    let sealer = sealer(store, folder)?;
    let mut state = sealer.state();
    let head = store.log().head().await?;
    let sealing = tokio::spawn(sealer.run(stop.clone()));
    state.wait_for(|state| state.sealed >= head).await?;
    stop.cancel();
    Ok(sealing.await?)
}

/// How many get done.
async fn appends(store: &EventStore, stocks: &[StockId], length: Duration) -> Result<u32> {
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = stocks
        .iter()
        .map(|stock| tokio::spawn(reserve(store.clone(), *stock, Arc::clone(&stop))))
        .collect();
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(count)
}

async fn reserve(store: EventStore, stock: StockId, stop: Arc<AtomicBool>) -> Result<u32> {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let order_id = OrderId::from(Uuid::now_v7());
        let quantity = Quantity::try_from(1_u32)?;
        let work = move |unit: &mut Unit<'_, Error>| {
            unit.decide::<Stock>(stock, Command::Reserve { order_id, quantity })?;
            unit.decide::<Stock>(stock, Command::Release { order_id, quantity })?;
            Ok(())
        };
        store.execute(Context::system("bench"), work).await?;
        count += 1;
    }
    Ok(count)
}

async fn open_stock(store: &EventStore) -> Result<StockId> {
    let product_id = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product_id);
    let level = StockLevel::try_from(1_000_000_u32)?;
    let work = move |unit: &mut Unit<'_, Error>| {
        unit.create::<Stock>(stock, Command::Open { product_id, level })
    };
    store.execute(Context::system("bench"), work).await?;
    Ok(stock)
}
