//! What the sealer costs whoever appends: rounds with and without it take turns on one log, 32 tasks at once.
//!
//! `cargo bench -p event-store --bench sealing`; `-- ROUNDS SECONDS` for other than 20 pairs of rounds of 3 s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
    println!("appends/s without, with the sealer, ratio");
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // Whoever comes second is not always the same.
        let mut rates = [0.0; 2];
        for sealing in [round % 2 == 1, round % 2 == 0] {
            seal_all(&store, &folder).await?;
            rates[usize::from(sealing)] = if sealing {
                let stop = CancellationToken::new();
                let sealer = tokio::spawn(sealer(&store, &folder)?.run(stop.clone()));
                let rate = appends(&store, &stocks, length).await?;
                stop.cancel();
                sealer.await?;
                rate
            } else {
                appends(&store, &stocks, length).await?
            };
        }
        let [without, with] = rates;
        println!("{without:>9.0} {with:>9.0} {:.3}", with / without);
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).context("no rounds")?;
    println!(
        "{} events; median ratio {median:.3}",
        store.log().head().await?
    );
    Ok(())
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

/// How many there are in a second.
async fn appends(store: &EventStore, stocks: &[StockId], length: Duration) -> Result<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
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
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
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
