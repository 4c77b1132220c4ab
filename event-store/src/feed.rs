//! Following the log: one reader for all subscribers of a process, woken by our own commits and the database's
//! notifications, with polling behind it in case a notification is lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::log::{Page, Published, read};

/// Events that one read fetches.
const PAGE: i64 = 1_000;
/// Recent positions kept in memory for subscribers that are nearly up to date.
const KEPT: i64 = 8_192;
/// How often the log is looked at without being told.
const POLL: Duration = Duration::from_millis(500);
/// The longest pause before a read that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Recent pages of the log, shared by all subscriptions.
pub(crate) struct Feed {
    pool: PgPool,
    bell: watch::Sender<i64>,
    recent: Mutex<Recent>,
    /// The last position in `recent`.
    head: watch::Sender<i64>,
    reader: OnceLock<AbortHandle>,
}

#[derive(Default)]
struct Recent {
    /// `events` holds all published events after this position …
    after: i64,
    /// … up to this one.
    through: i64,
    events: VecDeque<Arc<Published>>,
}

impl Feed {
    pub(crate) fn new(pool: PgPool, bell: watch::Sender<i64>) -> Self {
        Self {
            pool,
            bell,
            recent: Mutex::default(),
            head: watch::Sender::new(0),
            reader: OnceLock::new(),
        }
    }

    /// Tells how far the log has been read here, once somebody has subscribed to it.
    pub(crate) fn head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    fn start(self: &Arc<Self>) {
        self.reader.get_or_init(|| {
            tokio::spawn(follow(
                Arc::downgrade(self),
                self.pool.clone(),
                self.bell.subscribe(),
            ))
            .abort_handle()
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().expect("nothing panics while holding it")
    }

    /// All recent events after `after`, where memory reaches back that far and there is news.
    fn since(&self, after: i64) -> Option<Page> {
        let recent = self.lock();
        if after < recent.after || after >= recent.through {
            return None;
        }
        let from = recent
            .events
            .partition_point(|event| event.position <= after);
        Some(Page {
            events: recent.events.range(from..).cloned().collect(),
            through: recent.through,
        })
    }

    fn begin(&self, head: i64) {
        let mut recent = self.lock();
        recent.after = head;
        recent.through = head;
        drop(recent);
        self.head.send_replace(head);
    }

    fn push(&self, page: Page) {
        let mut recent = self.lock();
        recent.through = page.through;
        recent.events.extend(page.events);
        let oldest = recent.through - KEPT;
        if oldest > recent.after {
            let cut = recent
                .events
                .partition_point(|event| event.position <= oldest);
            recent.events.drain(..cut);
            recent.after = oldest;
        }
        drop(recent);
        self.head.send_replace(page.through);
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
async fn follow(feed: Weak<Feed>, pool: PgPool, mut bell: watch::Receiver<i64>) {
    let mut listener = None;
    let mut through = None;
    let mut trouble = Trouble::default();
    loop {
        if listener.is_none() {
            listener = listen(&pool).await.ok();
        }
        if let Err(error) = read_on(&feed, &pool, &mut through).await {
            if pool.is_closed() {
                return;
            }
            listener = None;
            tokio::time::sleep(trouble.met(&error)).await;
            continue;
        }
        trouble.over();
        if feed.strong_count() == 0 {
            return;
        }
        tokio::select! {
            _ = bell.changed() => {}
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

async fn listen(pool: &PgPool) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("events").await?;
    Ok(listener)
}

/// Waits for a notification; true when the connection is gone.
async fn heard(listener: Option<&mut PgListener>) -> bool {
    match listener {
        Some(listener) => !matches!(listener.try_recv().await, Ok(Some(_))),
        None => std::future::pending().await,
    }
}

async fn read_on(feed: &Weak<Feed>, pool: &PgPool, through: &mut Option<i64>) -> Result<()> {
    let mut after = if let Some(after) = *through {
        after
    } else {
        // Memory begins at the head as it is now; whoever is behind it reads the database.
        let head: i64 = sqlx::query_scalar("select position from log_head")
            .fetch_one(pool)
            .await?;
        if let Some(feed) = feed.upgrade() {
            feed.begin(head);
        }
        head
    };
    *through = Some(after);
    loop {
        let page = match read(pool, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                // What can't be understood is the readers' own trouble: they are woken to meet it.
                if let Some(feed) = feed.upgrade().filter(|_| !error.is::<sqlx::Error>()) {
                    feed.head.send_replace(after + 1);
                }
                return Err(error);
            }
        };
        if page.through == after {
            return Ok(());
        }
        after = page.through;
        *through = Some(after);
        match feed.upgrade() {
            Some(feed) => feed.push(page),
            None => return Ok(()),
        }
    }
}

/// One reader's way through the log.
pub struct Subscription {
    pool: PgPool,
    feed: Arc<Feed>,
    head: watch::Receiver<i64>,
    after: i64,
}

impl Subscription {
    pub(crate) fn new(pool: PgPool, feed: Arc<Feed>, after: i64) -> Self {
        feed.start();
        let head = feed.head();
        Self {
            pool,
            feed,
            head,
            after,
        }
    }

    /// The next part of the log; waits until there is one, so that `through` always rises. Safe to cancel. After an
    /// error the same part is read again.
    pub async fn next(&mut self) -> Result<Page> {
        loop {
            let head = *self.head.borrow_and_update();
            if head > self.after {
                let page = match self.feed.since(self.after) {
                    Some(page) => page,
                    None => read(&self.pool, self.after, PAGE).await?,
                };
                if page.through > self.after {
                    self.after = page.through;
                    return Ok(page);
                }
            }
            self.head.changed().await?;
        }
    }

    /// Goes on from another position.
    pub fn seek(&mut self, after: i64) {
        self.after = after;
    }

    /// The position up to which `next` has handed the log out.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.after
    }
}

#[cfg(test)]
mod tests;
