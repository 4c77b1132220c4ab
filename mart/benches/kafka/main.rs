//! What the way through Kafka costs, side by side with its references in one run:
//!
//! - a customer's POST until a read of another process shows the order, with the mirror and without it;
//! - how fast the relay works off a log that waits, and what a bare producer reaches with the same records on the same broker.
//!
//! `cargo bench -p mart --bench kafka`; needs Java 17 and, the first time, Maven (`.ci/kafka/kafka.sh`). Loopback only.
//! `ORDERS`, `EVENTS` and `ROUNDS` choose other amounts.

#[path = "../../tests/mirror/broker.rs"]
#[expect(dead_code, reason = "the mirror's tests do more to their brokers")]
mod broker;
#[path = "../../tests/mirror/children.rs"]
mod children;
mod latency;
mod shop;
mod throughput;

use std::error::Error;
use std::time::Duration;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let orders = amount("ORDERS", 2_000)?;
    let events = amount("EVENTS", 500_000)?;
    let rounds = amount("ROUNDS", 3)?;
    // Asked for a list, or run as a test: there is none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    // The HTTP client wants one, also where it speaks to nobody by TLS.
    let provider = rustls::crypto::ring::default_provider();
    provider
        .install_default()
        .map_err(|_| "there is one already")?;
    let broker = broker::Broker::start().await;
    let folder = tempfile::tempdir()?;
    let (direct, mirrored) = latency::compare(folder.path(), &broker, orders).await?;
    println!("{orders} orders at 50 a second, each read by another process with the write's token");
    println!(
        "{:<16}{:>14}{:>14}{:>14}{:>14}",
        "ms", "answer p50", "visible p50", "visible p99", "slowest"
    );
    for (name, seen) in [("without Kafka", direct), ("through Kafka", mirrored)] {
        println!(
            "{name:<16}{:>14.2}{:>14.2}{:>14.2}{:>14.2}",
            ms(seen.answered.p50),
            ms(seen.visible.p50),
            ms(seen.visible.p99),
            ms(seen.visible.max),
        );
    }
    let speeds = throughput::compare(folder.path(), &broker, events, rounds).await?;
    println!("\n{events} events wait for the relay; records a second");
    println!("{:<8}{:>14}{:>14}{:>10}", "round", "relay", "bare", "ratio");
    for (round, speed) in speeds.iter().enumerate() {
        println!(
            "{:<8}{:>14.0}{:>14.0}{:>10.2}",
            round + 1,
            speed.relay,
            speed.bare,
            speed.relay / speed.bare
        );
    }
    Ok(())
}

fn amount(name: &str, usual: usize) -> Result<usize> {
    std::env::var(name).map_or(Ok(usual), |given| Ok(given.parse()?))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
