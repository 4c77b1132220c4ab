//! Keeps `/health/ready` honest: are the databases there, and are the read models moving?

use std::time::Duration;

use event_store::Log;
use projectors::{Progress, ReadDatabases, relay::RelayState};
use service::Common;
use sqlx::PgPool;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

const EVENT_STORE: &str = "event-store";
const PROJECTIONS: &str = "projections";
const RELAY: &str = "relay";
const STOPPING: &str = "shutdown";

/// How often everything is looked at, and how long it may take to answer.
const LOOK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever looks.
pub(crate) struct Watch {
    common: Common,
    log: Log,
    databases: Vec<(&'static str, PgPool)>,
    progress: Option<Progress>,
    /// None where this process also answers customers: that goes on without Kafka, and the relay's lag is measured.
    relaying: Option<watch::Receiver<RelayState>>,
}

impl Watch {
    /// Not ready from now on, until [`Watch::run`] has seen everything.
    pub(crate) fn new(
        common: &Common,
        log: &Log,
        read_models: Option<&ReadDatabases>,
        progress: Option<Progress>,
        relaying: Option<watch::Receiver<RelayState>>,
    ) -> Self {
        common.readiness().set(
            PROJECTIONS,
            Err("the read models are catching up with the log"),
        );
        let mut databases = vec![(EVENT_STORE, log.pool().clone())];
        if let Some(read) = read_models {
            databases.extend([
                ("product-database", read.product.clone()),
                ("inventory-database", read.inventory.clone()),
                ("order-database", read.order.clone()),
                ("user-database", read.user.clone()),
                ("payment-database", read.payment.clone()),
                ("notification-database", read.notification.clone()),
            ]);
        }
        Self {
            common: common.clone(),
            log: log.clone(),
            databases,
            progress,
            relaying,
        }
    }

    /// Looks until it is told to stop; `ready` is cancelled when all is well for the first time.
    pub(crate) async fn run(self, ready: CancellationToken, stop: CancellationToken) {
        let looking = async {
            self.catch_up().await;
            loop {
                self.look_at_databases().await;
                self.look_at_projections();
                self.look_at_relay();
                if self.common.readiness().is_ready() {
                    ready.cancel();
                }
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = looking => {}
            () = stop.cancelled() => {}
        }
    }

    /// Waits until the projections have applied the log's head as it is now.
    async fn catch_up(&self) {
        let Some(progress) = &self.progress else {
            return;
        };
        let head = loop {
            match self.log.head().await {
                Ok(head) => break head,
                Err(error) => self
                    .common
                    .readiness()
                    .set(EVENT_STORE, Err(format!("{error:#}"))),
            }
            sleep(LOOK).await;
        };
        while !progress
            .wait_for_all(head, Instant::now() + Duration::from_millis(200))
            .await
        {
            let behind: Vec<String> = progress
                .all()
                .filter(|watched| watched.position() < head)
                .map(|watched| format!("{} at {} of {head}", watched.name(), watched.position()))
                .collect();
            let stuck = trouble(progress)
                .map(|trouble| format!("; {trouble}"))
                .unwrap_or_default();
            let state = format!(
                "the read models are catching up: {}{stuck}",
                behind.join(", ")
            );
            self.common.readiness().set(PROJECTIONS, Err(state));
        }
    }

    async fn look_at_databases(&self) {
        for (name, pool) in &self.databases {
            let asked = timeout(PATIENCE, sqlx::query("select 1").execute(pool)).await;
            let state = match asked {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it does not answer".to_owned()),
            };
            self.common.readiness().set(name, state);
        }
    }

    fn look_at_projections(&self) {
        let stuck = self.progress.as_ref().and_then(trouble);
        self.common
            .readiness()
            .set(PROJECTIONS, stuck.map_or(Ok(()), Err));
    }

    fn look_at_relay(&self) {
        if let Some(relaying) = &self.relaying {
            let state = relaying.borrow();
            let trouble = state.trouble().map(ToOwned::to_owned);
            self.common
                .readiness()
                .set(RELAY, trouble.map_or(Ok(()), Err));
        }
    }
}

fn trouble(progress: &Progress) -> Option<String> {
    progress.all().find_map(|watched| {
        Some(format!(
            "{} is stuck: {}",
            watched.name(),
            watched.trouble()?
        ))
    })
}

/// Not ready any more, for good.
pub(crate) fn stopping(common: &Common) {
    common
        .readiness()
        .set(STOPPING, Err("the shop is stopping"));
}
