//! Projectors that come and go.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::process::Process;
use crate::shop::Shop;

const STORM: Duration = Duration::from_mins(1);
const MOST: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn projectors_started_or_killed_every_two_seconds_lose_and_double_nothing() {
    let seed = rand::random::<u32>().into();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (shop, staff) = Shop::open().await;
    let mut load = staff.load(seed).await;
    let mut projectors: Vec<Process> = vec![staff.projectors];
    let (began, mut changes) = (Instant::now(), 0);
    let storm = async {
        let mut turn = interval(Duration::from_secs(2));
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while began.elapsed() < STORM {
            turn.tick().await;
            let start = projectors.len() < 2 || projectors.len() < MOST && random.random_bool(0.5);
            if start {
                projectors.push(shop.start("projectors"));
            } else {
                let which = random.random_range(0..projectors.len());
                let leaving = projectors.swap_remove(which);
                if random.random_bool(0.5) {
                    leaving.kill();
                } else {
                    leaving.stop().await;
                }
            }
            changes += 1;
        }
    };
    let seconds = usize::try_from(STORM.as_secs()).expect("few");
    tokio::join!(storm, load.give(60 * seconds, 60));
    println!(
        "{changes} changes, {} projectors at the end",
        projectors.len()
    );
    assert!(changes >= 20, "{changes}");
    shop.is_whole().await;
}
