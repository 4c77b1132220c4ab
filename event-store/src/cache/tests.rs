use std::sync::Arc;

use uuid::Uuid;

use super::{Cache, DROPS, Entry};
use crate::stored::StreamKey;

fn stock(n: u128) -> StreamKey {
    StreamKey {
        aggregate_type: "stock",
        id: Uuid::from_u128(n),
    }
}

fn entry(sequence: i64) -> Entry {
    Entry::new((), sequence, Some(1))
}

fn sequence(cache: &Cache, key: StreamKey) -> Option<i64> {
    cache.get(&key).map(|entry| entry.sequence)
}

#[test]
fn what_was_loaded_is_kept_unless_its_stream_grew_meanwhile() {
    let mut cache = Cache::new();
    let drops = cache.drops();
    cache.drop_stream(&stock(1));
    cache.drop_stream(&stock(2));
    for (n, kept) in [(1, None), (2, None), (3, Some(5))] {
        cache.put_loaded(stock(n), entry(5), drops);
        assert_eq!(sequence(&cache, stock(n)), kept, "stream {n}");
    }
    cache.put_loaded(stock(1), entry(6), cache.drops());
    assert_eq!(
        sequence(&cache, stock(1)),
        Some(6),
        "loaded after it was dropped"
    );
}

#[test]
fn more_drops_than_are_remembered_might_be_of_any_stream() {
    let mut cache = Cache::new();
    let drops = cache.drops();
    cache.drop_stream(&stock(1));
    for n in 0..DROPS {
        cache.drop_stream(&stock(100 + n as u128));
    }
    cache.put_loaded(stock(1), entry(5), drops);
    assert_eq!(sequence(&cache, stock(1)), None);
    let drops = cache.drops();
    cache.drop_all();
    cache.put_loaded(stock(2), entry(5), drops);
    assert_eq!(sequence(&cache, stock(2)), None);
}

#[test]
fn a_commit_leaves_no_copy_that_it_was_not_decided_on() {
    let mut cache = Cache::new();
    let decided = entry(4);
    let line = Arc::clone(&decided.line);
    cache.put(stock(1), decided);
    cache.committed(&stock(1), Some(&line));
    assert_eq!(sequence(&cache, stock(1)), Some(4));
    // Evicted, and loaded anew before that commit was to be seen.
    cache.put(stock(1), entry(3));
    cache.committed(&stock(1), Some(&line));
    assert_eq!(sequence(&cache, stock(1)), None);
    // Decided without the cache.
    cache.put(stock(1), entry(3));
    cache.committed(&stock(1), None);
    assert_eq!(sequence(&cache, stock(1)), None);
}
