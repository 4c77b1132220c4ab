//! What this process itself has appended: its sealer need not read it back.

use std::sync::{Arc, Mutex, MutexGuard};

use super::leaf::Leaf;
use crate::statement::Place;
use crate::stored::NewEvent;

/// Events that wait to be sealed at most; others are read back.
const MOST: usize = 50_000;

/// Batches in commit order; `None` while nobody seals here.
#[derive(Default)]
pub(crate) struct Own(Mutex<Option<Waiting>>);

#[derive(Default)]
struct Waiting {
    batches: Vec<Batch>,
    events: usize,
}

/// What was committed at once.
pub(crate) struct Batch {
    place: Place,
    appends: Vec<(Vec<NewEvent>, Arc<str>)>,
}

/// As long as this lives, batches are kept.
pub(crate) struct Wanted(Arc<Own>);

impl Own {
    pub(crate) fn want(self: Arc<Self>) -> Wanted {
        *self.lock() = Some(Waiting::default());
        Wanted(self)
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes what was committed at `place`.
    pub(crate) fn committed(&self, place: Place, appends: Vec<(Vec<NewEvent>, Arc<str>)>) {
        let count: usize = appends.iter().map(|(events, _)| events.len()).sum();
        if let Some(waiting) = self.lock().as_mut()
            && waiting.events + count <= MOST
        {
            waiting.events += count;
            waiting.batches.push(Batch { place, appends });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock().expect("nothing panics while holding it")
    }
}

impl Wanted {
    /// All that waits.
    pub(crate) fn take(&self) -> Vec<Batch> {
        let waiting = self.0.lock().replace(Waiting::default());
        waiting.unwrap_or_default().batches
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl Batch {
    /// The position just before its first event.
    pub(crate) fn base(&self) -> i64 {
        self.place.base
    }

    /// Its leaves after a position.
    pub(crate) fn leaves(&self, after: i64) -> impl Iterator<Item = Leaf> {
        let recorded_at = self.place.recorded_at.timestamp_micros();
        let events = self
            .appends
            .iter()
            .flat_map(|(events, metadata)| events.iter().map(move |event| (event, metadata)));
        (self.place.base + 1..)
            .zip(events)
            .filter(move |(position, _)| *position > after)
            .map(move |(position, (event, metadata))| {
                Leaf::of(event, metadata, position, recorded_at)
            })
    }
}
