//! The end of the log, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::log::{Page, Published};

/// Positions kept for subscribers that are nearly up to date.
const KEPT: i64 = 8_192;

/// The published events of the last positions.
#[derive(Default)]
pub(crate) struct Recent {
    /// `events` holds all published events after this position …
    after: i64,
    /// … up to this one.
    through: i64,
    events: VecDeque<Arc<Published>>,
    /// Whether memory has begun.
    begun: bool,
}

impl Recent {
    /// Appends a page that follows `after`; what is known already is left out. False when something in between is
    /// missing.
    pub(crate) fn extend(&mut self, after: i64, page: Page) -> bool {
        if !self.begun || after > self.through {
            return false;
        }
        let known = self.through;
        let new = |event: &Arc<Published>| event.position > known;
        self.events.extend(page.events.into_iter().filter(new));
        self.through = page.through.max(known);
        let oldest = self.through - KEPT;
        if oldest > self.after {
            let cut = self
                .events
                .partition_point(|event| event.position <= oldest);
            self.events.drain(..cut);
            self.after = oldest;
        }
        true
    }

    /// All events after `after`, where memory reaches back that far and there is news.
    pub(crate) fn since(&self, after: i64) -> Option<Page> {
        if after < self.after || after >= self.through {
            return None;
        }
        let from = self.events.partition_point(|event| event.position <= after);
        Some(Page {
            events: self.events.range(from..).cloned().collect(),
            through: self.through,
        })
    }

    /// Memory begins just after this position, unless it has begun.
    pub(crate) fn begin(&mut self, head: i64) {
        if !self.begun {
            self.after = head;
            self.through = head;
            self.begun = true;
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The last position that it holds.
    pub(crate) fn through(&self) -> i64 {
        self.through
    }
}

#[cfg(test)]
mod tests;
