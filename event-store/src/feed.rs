//! Following the log: one memory for all subscribers of a process. What the process commits itself goes straight into it;
//! what others commit is read when the database notifies, with polling behind it in case a notification is lost.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::crier;
use crate::log::{Page, Published, head, publish_at, read};
use crate::recent::Recent;
use crate::seal::Own;
use crate::statement::Place;
use crate::stored::{NewEvent, Raw};

/// Events that one read fetches.
pub(crate) const PAGE: i64 = 1_000;
/// How often the log is looked at without being told.
const POLL: Duration = Duration::from_millis(500);
/// The longest pause before a read that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Recent pages of the log, shared by all subscriptions.
pub(crate) struct Feed {
    pool: PgPool,
    recent: Mutex<Recent>,
    /// The last position in `recent`.
    head: watch::Sender<i64>,
    /// There is something that memory does not hold yet.
    news: Arc<Notify>,
    reader: OnceLock<AbortHandle>,
    /// By which writers know this follower.
    mark: String,
    /// What the sealer of this process takes.
    own: Arc<Own>,
}

impl Feed {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            recent: Mutex::default(),
            head: watch::Sender::new(0),
            news: Arc::default(),
            reader: OnceLock::new(),
            mark: crier::mark(),
            own: Arc::default(),
        }
    }

    /// Tells how far the log has been read here, once somebody has subscribed to it.
    pub(crate) fn head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// By which writers know this follower.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// What this process itself has committed, as it is stored, for whoever seals the log here.
    pub(crate) fn own(&self) -> &Arc<Own> {
        &self.own
    }

    /// Whether anybody in this process follows the log.
    pub(crate) fn is_followed(&self) -> bool {
        self.reader.get().is_some()
    }

    /// Takes what this process itself has just committed, `place` to `through`, so that nobody reads it back.
    pub(crate) fn committed(
        &self,
        place: Place,
        through: i64,
        appends: &[(Vec<NewEvent>, Arc<str>)],
    ) {
        let page = published(place, appends).map(|events| Page { events, through });
        // What can't be published can't be read back either: the reader tells.
        if page.is_ok_and(|page| self.lock().extend(place.base, page)) {
            self.tell();
        } else {
            self.news.notify_one();
        }
    }

    /// Wakes whoever waits for what memory holds now. Under the lock, so that the head never falls.
    fn tell(&self) {
        let recent = self.lock();
        self.head.send_replace(recent.through());
    }

    pub(crate) fn start(self: &Arc<Self>) {
        self.reader.get_or_init(|| {
            tokio::spawn(follow(
                Arc::downgrade(self),
                self.pool.clone(),
                Arc::clone(&self.news),
                self.mark.clone(),
            ))
            .abort_handle()
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().expect("nothing panics while holding it")
    }

    /// All recent events after `after`, where memory reaches back that far and there is news.
    pub(crate) fn since(&self, after: i64) -> Option<Page> {
        self.lock().since(after)
    }

    /// Memory begins at the head as it is now; whoever is behind it reads the database.
    fn begin(&self, head: i64) {
        self.lock().begin(head);
        self.tell();
    }

    fn push(&self, after: i64, page: Page) {
        self.lock().extend(after, page);
        self.tell();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.get() {
            reader.abort();
        }
    }
}

/// Reads what is new for as long as the feed lives.
async fn follow(feed: Weak<Feed>, pool: PgPool, news: Arc<Notify>, mark: String) {
    let mut listener = None;
    let mut trouble = Trouble::default();
    loop {
        if listener.is_none() {
            listener = crier::listen(&pool, &mark).await.ok();
        }
        // Not held while waiting: whoever drops the last subscription ends this task.
        let read = match feed.upgrade() {
            Some(feed) => read_on(&feed).await,
            None => return,
        };
        if let Err(error) = read {
            if pool.is_closed() {
                return;
            }
            listener = None;
            tokio::time::sleep(trouble.met(&error)).await;
            continue;
        }
        trouble.over();
        tokio::select! {
            () = news.notified() => {}
            lost = heard(listener.as_mut()) => if lost { listener = None },
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// What keeps the log from being followed: told once, however often it is met again, and met more and more seldom.
#[derive(Default)]
struct Trouble {
    told: Option<String>,
    pause: Duration,
}

impl Trouble {
    /// How long to wait before the next try.
    fn met(&mut self, error: &anyhow::Error) -> Duration {
        let error = format!("{error:#}");
        if self.told.as_ref() == Some(&error) {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        } else {
            tracing::warn!(error, "cannot follow the log; trying again");
            self.told = Some(error);
            self.pause = POLL;
        }
        self.pause
    }

    fn over(&mut self) {
        if self.told.take().is_some() {
            tracing::info!("following the log again");
        }
    }
}

/// Waits for a notification; true when the connection is gone.
async fn heard(listener: Option<&mut PgListener>) -> bool {
    match listener {
        Some(listener) => !matches!(listener.try_recv().await, Ok(Some(_))),
        None => std::future::pending().await,
    }
}

async fn read_on(feed: &Feed) -> Result<()> {
    if !feed.lock().has_begun() {
        feed.begin(head(&feed.pool).await?);
    }
    loop {
        let after = feed.lock().through();
        let page = match read(&feed.pool, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                // What can't be understood is the readers' own trouble: they are woken to meet it.
                if !error.is::<sqlx::Error>() {
                    feed.head.send_replace(after + 1);
                }
                return Err(error);
            }
        };
        if page.through == after {
            return Ok(());
        }
        feed.push(after, page);
    }
}

fn published(place: Place, appends: &[(Vec<NewEvent>, Arc<str>)]) -> Result<Vec<Arc<Published>>> {
    let events = appends
        .iter()
        .flat_map(|(events, metadata)| events.iter().map(move |event| (event, metadata)));
    let mut published = Vec::new();
    for ((event, metadata), position) in events.zip(place.base + 1..) {
        let id = event.stream.id.to_string();
        let raw = Raw {
            aggregate_type: event.stream.aggregate_type,
            aggregate_id: &id,
            sequence: event.sequence,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: serde_json::from_str(&event.payload)?,
        };
        let event = publish_at(&raw, metadata, event.event_id, position, place.recorded_at)?;
        published.extend(event.map(Arc::new));
    }
    Ok(published)
}

#[cfg(test)]
mod tests;
