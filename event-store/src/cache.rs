//! Recently used aggregates, as they will be once everything that is queued has committed.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use quick_cache::Weighter;
use quick_cache::unsync::Cache as QuickCache;

use crate::stored::StreamKey;

/// Memory for cached aggregates, in bytes.
const CAPACITY: u64 = 16 << 20;
/// What an entry costs beside its state, in bytes: map, key, line, counters.
const OVERHEAD: u64 = 256;

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
    pub line: Arc<Line>,
    pub weight: u64,
}

impl Entry {
    pub(crate) fn new<A: Any + Send + Sync>(state: A, sequence: i64, first: Option<i64>) -> Self {
        Self {
            state: Arc::new(state),
            sequence,
            first,
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

pub(crate) struct Cache(QuickCache<StreamKey, Entry, ByWeight>);

impl Cache {
    pub(crate) fn new() -> Self {
        let items = usize::try_from(CAPACITY / (2 * OVERHEAD)).expect("a few thousand");
        Self(QuickCache::with_weighter(items, CAPACITY, ByWeight))
    }

    pub(crate) fn get(&self, key: &StreamKey) -> Option<&Entry> {
        self.0.get(key).filter(|entry| !entry.line.is_broken())
    }

    /// Puts the tip of a line in place.
    pub(crate) fn put(&mut self, key: StreamKey, entry: Entry) {
        self.0.insert(key, entry);
    }

    /// Puts a freshly loaded aggregate in place, unless a line for it began meanwhile.
    pub(crate) fn put_loaded(&mut self, key: StreamKey, entry: Entry) {
        if self.get(&key).is_none() {
            self.0.insert(key, entry);
        }
    }

    /// Forgets an aggregate that another process has written.
    pub(crate) fn drop_stream(&mut self, key: &StreamKey) {
        self.0.remove(key);
    }

    /// Ends a line: what rests on it must be decided anew.
    pub(crate) fn break_line(&mut self, key: &StreamKey, line: &Arc<Line>) {
        line.broken.store(true, Ordering::Release);
        self.0
            .remove_if(key, |entry| Arc::ptr_eq(&entry.line, line));
    }

    /// Remembers where a stream begins, now that its first event has committed.
    pub(crate) fn committed_first(&mut self, key: &StreamKey, line: &Arc<Line>, position: i64) {
        if let Some(mut entry) = self.0.get_mut(key)
            && Arc::ptr_eq(&entry.line, line)
        {
            entry.first = Some(position);
        }
    }
}
