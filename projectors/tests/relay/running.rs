//! A log with something in it, and relays that run.

use std::time::Duration;

use projectors::mirror::Kafka;
use projectors::relay::{Mirrored, Pace, Relay, RelayState, mirrored};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::recorded::{Entry, Recorded, adjusted, created, opened, registered};

/// A tenth of the usual times.
pub const PACE: Pace = Pace {
    lease: Duration::from_millis(1_500),
    renew: Duration::from_millis(300),
    look: Duration::from_millis(200),
    silence: Duration::from_secs(7),
};

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub state: watch::Receiver<RelayState>,
    pub task: JoinHandle<()>,
    shutdown: CancellationToken,
}

pub fn relay(log: &Recorded, kafka: &Kafka) -> Running {
    let relay = Relay::new(&log.log(), kafka.clone()).paced(PACE);
    let state = relay.state();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));
    Running {
        state,
        task,
        shutdown,
    }
}

impl Running {
    pub async fn is(&mut self, what: impl Fn(&RelayState) -> bool) -> RelayState {
        let state = self.state.wait_for(what);
        let state = timeout(PATIENCE, state).await.expect("in time");
        state.expect("it runs").clone()
    }

    pub async fn leads(&mut self) {
        self.is(|state| *state == RelayState::Leading).await;
    }

    pub async fn stands_by(&mut self) {
        self.is(|state| *state == RelayState::Standby).await;
    }

    /// Ends orderly; how long that took.
    pub async fn end(self) -> Duration {
        let began = Instant::now();
        self.shutdown.cancel();
        let ended = timeout(PATIENCE, self.task).await.expect("in time");
        ended.expect("no panic");
        began.elapsed()
    }

    /// Ends in the middle of whatever it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("aborted").is_cancelled());
    }
}

/// Waits until all up to there is acknowledged.
pub async fn reaches(pool: &PgPool, position: i64) -> Mirrored {
    let patience = Instant::now() + PATIENCE;
    loop {
        let now = mirrored(pool).await.expect("the row");
        if now.position >= position {
            return now;
        }
        assert!(
            Instant::now() < patience,
            "stuck at {} of {position}",
            now.position
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// Appends a product, its stock record and an account, and then `changes` of the stock; answers with the last position.
pub async fn busy(log: &Recorded, changes: i64) -> i64 {
    let (product, stock) = (Uuid::now_v7(), Uuid::now_v7());
    let account = Uuid::now_v7();
    let name = account.simple().to_string();
    let mut entries: Vec<Entry> = vec![
        created(product),
        opened(stock, product, 1_000),
        registered(account, &name),
    ];
    entries.extend((0..changes).map(|change| adjusted(stock, 2 + change, 1)));
    log.append(&entries).await
}
