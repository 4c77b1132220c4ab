//! Rebuilds that a request began and that go on after its answer.

use projectors::rebuild::{Begun, RebuildError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Rebuilds that run in this process because it was asked for them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rebuilds {
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Rebuilds {
    pub(crate) fn run(&self, name: &'static str, begun: Begun) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            match begun.run(&|_| (), &shutdown).await {
                // Whoever asked for it, or told it to stop, knows.
                Ok(_) | Err(RebuildError::Cancelled(_) | RebuildError::Stopped(_)) => {}
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(
                        projection = name,
                        error,
                        "projection {name} was not rebuilt"
                    );
                }
            }
        });
    }

    /// Tells them to stop; what there is of each waits for the next start.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// The same, and waits until they have.
    pub async fn end(&self) {
        self.stop();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
