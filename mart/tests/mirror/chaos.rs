//! Relays, projectors and the broker are killed and stopped at random while customers go on.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::Signal;
use proto::Topic;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::shop::Shop;

const COMMANDS: usize = 20_000;
const A_SECOND: u32 = 250;
/// Faults of relays, of projectors and of the broker: this many at least, and more until the last command.
const FAULTS_OF_EACH: usize = 12;

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// SIGKILL, and so long until it is started again.
    Kill(Duration),
    /// SIGSTOP, and so long until SIGCONT.
    Pause(Duration),
    /// SIGTERM, and a start when it has ended.
    Restart,
}

impl Fault {
    fn any(random: &mut impl Rng, longest_pause: u64) -> Self {
        match random.random_range(0..10) {
            0..5 => Self::Kill(Duration::from_millis(random.random_range(0..1_500))),
            5..9 => Self::Pause(Duration::from_millis(
                random.random_range(300..longest_pause),
            )),
            _ => Self::Restart,
        }
    }
}

/// A calm before each fault, and which of two it is for.
struct Plan<'a> {
    random: StdRng,
    longest_pause: u64,
    faults: usize,
    over: &'a Cell<bool>,
}

impl<'a> Plan<'a> {
    /// The same for the same seed, as far as it goes.
    fn new(seed: u64, who: u64, longest_pause: u64, over: &'a Cell<bool>) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed * 10 + who),
            longest_pause,
            faults: 0,
            over,
        }
    }

    async fn next(&mut self) -> Option<(usize, Fault)> {
        if self.over.get() && self.faults >= FAULTS_OF_EACH {
            return None;
        }
        let calm = Duration::from_millis(self.random.random_range(200..2_500));
        let whom = self.random.random_range(0..2);
        let fault = Fault::any(&mut self.random, self.longest_pause);
        self.faults += 1;
        sleep(calm).await;
        Some((whom, fault))
    }
}

/// Faults of two processes with one role; the two that run at the end, and how many faults there were.
async fn disturb(
    shop: &Shop,
    role: &str,
    mut plan: Plan<'_>,
    mut pair: [Process; 2],
) -> ([Process; 2], usize) {
    while let Some((whom, fault)) = plan.next().await {
        println!("{}: {fault:?}", pair[whom].name());
        match fault {
            Fault::Kill(down) => {
                pair[whom].signal(Signal::SIGKILL);
                sleep(down).await;
                // What runs is killed already; its place is taken by a new one.
                std::mem::replace(&mut pair[whom], shop.start(role)).kill();
            }
            Fault::Pause(pause) => {
                pair[whom].pause();
                sleep(pause).await;
                pair[whom].resume();
            }
            Fault::Restart => {
                std::mem::replace(&mut pair[whom], shop.start(role))
                    .stop()
                    .await;
            }
        }
    }
    (pair, plan.faults)
}

async fn disturb_the_broker(shop: &Shop, mut plan: Plan<'_>) -> usize {
    while let Some((_, fault)) = plan.next().await {
        println!("broker: {fault:?}");
        match fault {
            Fault::Kill(down) => {
                shop.broker.kill().await;
                sleep(down).await;
                shop.broker.up().await;
            }
            Fault::Pause(pause) => {
                shop.broker.pause().await;
                sleep(pause).await;
                shop.broker.resume().await;
            }
            Fault::Restart => {
                shop.broker.down().await;
                shop.broker.up().await;
            }
        }
    }
    plan.faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka"]
async fn twenty_thousand_commands_under_faults_are_mirrored_shown_and_mailed_once() {
    let seed = std::env::var("MART_TEST_SEED").map_or_else(
        |_| rand::random::<u32>().into(),
        |seed| seed.parse().expect("MART_TEST_SEED is a number"),
    );
    println!("seed {seed}: MART_TEST_SEED={seed} plans the same faults");
    let shop = Shop::new().await;
    let mut relays = ["relay", "relay"].map(|role| shop.start(role));
    let mut projectors = ["projectors", "projectors"].map(|role| shop.start(role));
    let [mut write, mut mailer] = ["write-api", "mailer"].map(|role| shop.start(role));
    for process in relays
        .iter_mut()
        .chain(&mut projectors)
        .chain([&mut write, &mut mailer])
    {
        process.ready().await;
    }
    let mut load = crate::load::Load::open(&write, seed).await;

    let (began, over) = (Instant::now(), Cell::new(false));
    let commands = async {
        load.give(COMMANDS, A_SECOND).await;
        over.set(true);
        println!("{COMMANDS} commands took {:?}", began.elapsed());
    };
    let plan = |who, longest_pause| Plan::new(seed, who, longest_pause, &over);
    let ((), (relays, of_relays), (projectors, of_projectors), of_the_broker) = tokio::join!(
        commands,
        disturb(&shop, "relay", plan(1, 13_000), relays),
        disturb(&shop, "projectors", plan(2, 8_000), projectors),
        disturb_the_broker(&shop, plan(3, 5_000)),
    );
    println!(
        "{of_relays} faults of relays, {of_projectors} of projectors, {of_the_broker} of the broker in {:?}",
        began.elapsed()
    );

    let promised = load.promised();
    assert!(promised.commands >= COMMANDS, "{}", promised.commands);
    let mirror = shop.is_whole().await;
    println!(
        "{} events, {} records repeated, quiet after {:?}",
        shop.databases.head().await,
        mirror.repeated,
        began.elapsed()
    );
    for (topic, promised) in [
        (Topic::Product, &promised.products),
        (Topic::UserRegistration, &promised.users),
        (Topic::OrderCreated, &promised.orders),
        (Topic::PaymentDone, &promised.payments),
    ] {
        let found: BTreeSet<_> = mirror.keys(topic).into_iter().collect();
        let missing: Vec<_> = promised
            .iter()
            .filter(|key| !found.contains(key.as_str()))
            .collect();
        assert!(missing.is_empty(), "{topic:?} lacks {missing:?}");
    }
    let mails = promised.users.len() + promised.orders.len() + promised.payments.len();
    mailed_once(&shop, mails).await;
    drop((relays, projectors, write, mailer));
}

/// One mail each for registration, order and payment.
async fn mailed_once(shop: &Shop, mails: usize) {
    let pool = shop.databases.read_model("notification");
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from mail left join delivery using (notification_id)
             where status is distinct from 'SENT'",
        )
        .fetch_one(&pool)
        .await
        .expect("counts");
        if open == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{open} mails are not sent");
        sleep(Duration::from_millis(200)).await;
    }
    let arrived = shop.mails.arrived();
    let ids: BTreeSet<_> = arrived
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    assert_eq!((arrived.len(), ids.len()), (mails, mails));
}
