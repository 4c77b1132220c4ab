//! The log's pages for the relay, ahead of who takes them.

use anyhow::Result;
use event_store::{Log, Page, Subscription};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::PAUSES;

/// Events that one read fetches while the mirror is behind.
const BEHIND: i64 = 2_000;

/// Reads the log page by page, ahead of who takes the pages.
pub(super) async fn read(log: Log, from: i64, pages: mpsc::Sender<Result<Page>>) {
    let mut subscription = log.subscribe(from);
    let mut behind = true;
    let mut pause = PAUSES.0;
    loop {
        let page = next(&log, &mut subscription, &mut behind).await;
        let failed = page.is_err();
        if pages.send(page).await.is_err() {
            return;
        }
        if failed {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        } else {
            pause = PAUSES.0;
        }
    }
}

/// The next page: a large one straight from the database while there are many.
async fn next(log: &Log, subscription: &mut Subscription, behind: &mut bool) -> Result<Page> {
    let after = subscription.position();
    if *behind {
        let page = log.read(after, BEHIND).await?;
        *behind = page.through - after >= BEHIND;
        if page.through > after {
            subscription.seek(page.through);
            return Ok(page);
        }
    }
    let page = subscription.next().await?;
    *behind = page.through - after >= BEHIND / 2;
    Ok(page)
}
