//! The rows that a batch touches, in key order.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_store::Published;
use uuid::Uuid;

use crate::projection::Refused;

/// Rows by their key, as they were loaded and as they are now. A row never vanishes: what is deleted becomes a
/// tombstone.
pub(crate) struct Rows<R> {
    rows: BTreeMap<Uuid, Entry<R>>,
}

struct Entry<R> {
    before: Option<R>,
    now: Option<R>,
}

/// A row that differs from what was loaded.
pub(crate) struct Changed<'a, R> {
    pub key: Uuid,
    pub before: Option<&'a R>,
    pub now: &'a R,
}

impl<R: Clone + PartialEq> Rows<R> {
    pub(crate) fn loaded(rows: impl IntoIterator<Item = (Uuid, R)>) -> Self {
        let entry = |(key, row): (Uuid, R)| {
            let before = Some(row.clone());
            let now = Some(row);
            (key, Entry { before, now })
        };
        Self {
            rows: rows.into_iter().map(entry).collect(),
        }
    }

    /// Folds each event into the row of its aggregate.
    pub(crate) fn fold(
        &mut self,
        events: &[Arc<Published>],
        fold: impl Fn(&mut Option<R>, &Published) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        events
            .iter()
            .try_for_each(|event| fold(self.row(event.aggregate_id), event))
    }

    pub(crate) fn row(&mut self, key: Uuid) -> &mut Option<R> {
        let absent = || Entry {
            before: None,
            now: None,
        };
        &mut self.rows.entry(key).or_insert_with(absent).now
    }

    pub(crate) fn get(&self, key: Uuid) -> Option<&R> {
        self.rows.get(&key)?.now.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Uuid, &R)> {
        self.rows
            .iter()
            .filter_map(|(key, entry)| Some((*key, entry.now.as_ref()?)))
    }

    pub(crate) fn changed(&self) -> impl Iterator<Item = Changed<'_, R>> {
        self.rows.iter().filter_map(|(key, entry)| {
            let now = entry.now.as_ref()?;
            let before = entry.before.as_ref();
            (before != Some(now)).then_some(Changed {
                key: *key,
                before,
                now,
            })
        })
    }
}

/// The keys of the aggregates that these events are about, to bind as an array.
pub(crate) fn aggregates(events: &[Arc<Published>]) -> Vec<Uuid> {
    events.iter().map(|event| event.aggregate_id).collect()
}

/// One column of some rows, to bind as an array.
pub(crate) fn column<'r, R, T>(rows: &[&'r R], of: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| of(row)).collect()
}
