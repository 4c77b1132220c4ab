//! Following the log from a position.

use std::sync::Arc;

use anyhow::Result;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::feed::{Feed, PAGE};
use crate::log::{Page, read};

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
