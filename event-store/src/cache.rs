//! Recently used aggregates, as they will be once everything that is queued has committed.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::Weighter;
use quick_cache::unsync::Cache as QuickCache;

use crate::stored::StreamKey;

/// Memory for cached aggregates, in bytes.
const CAPACITY: u64 = 16 << 20;
/// What an entry costs beside its state, in bytes: map, key, line, counters.
const OVERHEAD: u64 = 256;
/// Dropped streams that are remembered; more drops than that while one aggregate is loaded: it is not kept.
const DROPS: usize = 1_024;

/// One life of a cached aggregate, from its loading to its dropping. Decisions that rest on it carry it along, so that
/// when one of them fails to commit, those decided after it fail too, instead of leaving a hole in the stream.
#[derive(Debug, Default)]
pub(crate) struct Line {
    broken: AtomicBool,
    pending: AtomicUsize,
}

impl Line {
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire) > 0
    }

    pub(crate) fn begin(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn settle(&self) {
        self.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An aggregate at the tip of what is decided, committed or not.
#[derive(Clone)]
pub(crate) struct Entry {
    pub state: Arc<dyn Any + Send + Sync>,
    pub sequence: i64,
    /// Position of the stream's first event; `None` until that has committed.
    pub first: Option<i64>,
    /// Position of the last event that was loaded; 0 where all were decided here.
    pub seen: i64,
    pub line: Arc<Line>,
    pub weight: u64,
}

impl Entry {
    pub(crate) fn new<A: Any + Send + Sync>(state: A, sequence: i64, first: Option<i64>) -> Self {
        Self {
            state: Arc::new(state),
            sequence,
            first,
            seen: 0,
            line: Arc::default(),
            weight: OVERHEAD + size_of::<A>() as u64,
        }
    }
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<StreamKey, Entry> for ByWeight {
    fn weight(&self, _: &StreamKey, entry: &Entry) -> u64 {
        entry.weight
    }
}

pub(crate) struct Cache {
    entries: QuickCache<StreamKey, Entry, ByWeight>,
    /// The streams that were dropped last, the latest at the back.
    dropped: VecDeque<StreamKey>,
    drops: usize,
}

/// A decision that panicked has changed nothing: entries are put in place only after it has returned.
pub(crate) fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(crate) fn new() -> Self {
        let items = usize::try_from(CAPACITY / (2 * OVERHEAD)).expect("a few thousand");
        Self {
            entries: QuickCache::with_weighter(items, CAPACITY, ByWeight),
            dropped: VecDeque::with_capacity(DROPS),
            drops: 0,
        }
    }

    pub(crate) fn get(&self, key: &StreamKey) -> Option<&Entry> {
        self.entries
            .get(key)
            .filter(|entry| !entry.line.is_broken())
    }

    /// Puts the tip of a line in place.
    pub(crate) fn put(&mut self, key: StreamKey, entry: Entry) {
        self.entries.insert(key, entry);
    }

    /// How often something was dropped so far; to be asked before a loading begins.
    pub(crate) fn drops(&self) -> usize {
        self.drops
    }

    /// Puts a freshly loaded aggregate in place, unless a line for it began, or the log moved on, since the loading did.
    pub(crate) fn put_loaded(&mut self, key: StreamKey, entry: Entry, drops_before: usize) {
        let drops = self.drops - drops_before;
        let outdated = drops > DROPS || self.dropped.iter().rev().take(drops).any(|d| *d == key);
        if !outdated && self.get(&key).is_none() {
            self.entries.insert(key, entry);
        }
    }

    /// Forgets an aggregate whose stream has grown without it.
    pub(crate) fn drop_stream(&mut self, key: &StreamKey) {
        self.entries.remove(key);
        if self.dropped.len() == DROPS {
            self.dropped.pop_front();
        }
        self.dropped.push_back(*key);
        self.drops += 1;
    }

    /// Forgets everything: which streams have grown is not known.
    pub(crate) fn drop_all(&mut self) {
        self.entries.clear();
        self.drops += DROPS + 1;
    }

    /// Ends a line: what rests on it must be decided anew.
    pub(crate) fn break_line(&mut self, key: &StreamKey, line: &Arc<Line>) {
        line.broken.store(true, Ordering::Release);
        self.entries
            .remove_if(key, |entry| Arc::ptr_eq(&entry.line, line));
    }

    /// Events of this stream have committed, which were decided on `line`: any other copy of the aggregate is old now.
    pub(crate) fn committed(&mut self, key: &StreamKey, line: Option<&Arc<Line>>) {
        let current = self
            .entries
            .peek(key)
            .is_some_and(|entry| line.is_some_and(|line| Arc::ptr_eq(&entry.line, line)));
        if !current {
            self.drop_stream(key);
        }
    }

    /// Remembers where a stream begins, now that its first event has committed.
    pub(crate) fn committed_first(&mut self, key: &StreamKey, position: i64) {
        if let Some(mut entry) = self.entries.get_mut(key) {
            entry.first = Some(position);
        }
    }
}

#[cfg(test)]
mod tests;
