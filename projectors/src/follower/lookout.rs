//! How far the log and its mirror are: one look per process, for all projections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use event_store::Log;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::mirror::Partitions;
use crate::relay::{self, Reached};

/// How often somebody looks while there is news, and while there is none.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// How long there is news after the last.
const NEWS: Duration = Duration::from_secs(1);

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// It was so at some time after this.
    pub since: Instant,
    /// The log's head.
    pub head: i64,
    /// Everything up to here is mirrored.
    pub position: i64,
    /// The last position in each partition as of `position`; empty before the first relay has led.
    pub partitions: Partitions,
}

/// Looks for as long as the process follows Kafka.
#[derive(Clone)]
pub(crate) struct Lookout {
    pub seen: watch::Receiver<Option<Arc<Seen>>>,
    news: Arc<Notify>,
}

impl Lookout {
    /// Starts it.
    pub(crate) fn new(log: &Log) -> (Self, Looking) {
        let (tell, seen) = watch::channel(None);
        let news = Arc::default();
        let looking = Looking {
            log: log.clone(),
            tell,
            news: Arc::clone(&news),
        };
        (Self { seen, news }, looking)
    }

    /// Something was applied: the relay's row will tell of it soon.
    pub(crate) fn news(&self) {
        self.news.notify_one();
    }
}

pub(crate) struct Looking {
    log: Log,
    tell: watch::Sender<Option<Arc<Seen>>>,
    news: Arc<Notify>,
}

impl Looking {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut last_news = Instant::now();
        let mut before = (0, 0);
        loop {
            // That the event store is away is told by whoever needs it for more than a look.
            if let Ok(seen) = self.look().await {
                let now = (seen.head, seen.position);
                if now != before {
                    before = now;
                    last_news = Instant::now();
                }
                self.tell.send_replace(Some(Arc::new(seen)));
            }
            let hurry = last_news.elapsed() < NEWS;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.news.notified(), if !hurry => last_news = Instant::now(),
                () = sleep(if hurry { LOOKS.0 } else { LOOKS.1 }) => {}
            }
        }
    }

    async fn look(&self) -> Result<Seen> {
        let since = Instant::now();
        let Reached { mirrored, head } = relay::reached(self.log.pool()).await?;
        Ok(Seen {
            since,
            head,
            position: mirrored.position,
            partitions: mirrored.partitions,
        })
    }
}
