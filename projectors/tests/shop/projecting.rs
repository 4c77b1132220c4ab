//! Projections that run, and are told to stop.

use std::time::Duration;

use event_store::Log;
use projectors::mirror::Kafka;
use projectors::{Progress, ReadDatabases, run};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Projections that run, as in one process.
pub struct Running {
    pub progress: Progress,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    pub fn start(log: &Log, databases: &ReadDatabases, kafka: Option<&Kafka>) -> Self {
        let (progress, shutdown) = (Progress::here(), CancellationToken::new());
        let tasks = run(log, databases, &progress, kafka, &shutdown);
        Self {
            progress,
            shutdown,
            tasks,
        }
    }

    pub async fn has_reached(&self, position: i64) {
        let soon = Instant::now() + Duration::from_secs(30);
        assert!(
            self.progress.wait_for_all(position, soon).await,
            "not there in time: {:?}",
            self.progress
        );
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(Duration::from_secs(8), self.tasks.join_all()).await;
        ended.expect("it ends when told");
    }
}
