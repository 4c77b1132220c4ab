//! What became of something between two moments.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use event_store::Log;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Aggregate, Moment, fields, moment::position};
use crate::audit::{AuditEntry, Filter, places::Range, select::page};

/// How many events are told at most.
const EVENTS: u16 = 1_000;

/// The fields that differ, and what happened in between.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// By name.
    pub fields: Vec<Change>,
    /// In log order, whichever of the moments is the later one; of a product, its stock record's are among them.
    pub events: Vec<AuditEntry>,
    /// There are more events than these.
    pub more: bool,
}

/// A field that differs; null where it was missing, or the whole thing was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// As the answers call it.
    pub name: String,
    /// At the first moment.
    pub before: Value,
    /// At the second moment.
    pub after: Value,
}

/// What differs between two moments of one thing. None where it was at neither of them and nothing happened in between,
/// or where it does not have one of the versions.
pub async fn diff(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    from: Moment,
    to: Moment,
) -> Result<Option<Diff>> {
    let (Some(from), Some(to)) = (
        position(log, aggregate, id, from).await?,
        position(log, aggregate, id, to).await?,
    ) else {
        return Ok(None);
    };
    let before = fields(log, aggregate, id, from).await?;
    let after = fields(log, aggregate, id, to).await?;
    let between = Range {
        after: from.min(to),
        through: from.max(to),
    };
    let mut events = events(log, aggregate, id, between).await?;
    if before.is_none() && after.is_none() && events.is_empty() {
        return Ok(None);
    }
    let more = events.len() > usize::from(EVENTS);
    events.truncate(EVENTS.into());
    Ok(Some(Diff {
        fields: changes(&before.unwrap_or_default(), &after.unwrap_or_default()),
        events,
        more,
    }))
}

/// The first of them, one more than are told.
async fn events(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    between: Range,
) -> Result<Vec<AuditEntry>> {
    let mut streams = vec![(aggregate, id)];
    if aggregate == Aggregate::Product {
        streams.push((Aggregate::Stock, event_store::stock_of(id)));
    }
    let mut events = Vec::new();
    for (aggregate, id) in streams {
        let filter = Filter {
            aggregate_type: Some(aggregate.name().to_owned()),
            aggregate_id: Some(id),
            ..Filter::default()
        };
        let page = page(log.pool(), &filter, between, i64::from(EVENTS) + 1).await;
        events.extend(page.context("cannot read the log")?);
    }
    events.sort_by_key(|event| event.position);
    Ok(events)
}

fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let names = |value: &Value| -> Vec<String> {
        let fields = value.as_object().into_iter().flatten();
        fields.map(|(name, _)| name.clone()).collect()
    };
    let names: BTreeSet<String> = names(before).into_iter().chain(names(after)).collect();
    let change = |name: String| {
        let field = |value: &Value| value.get(&name).cloned().unwrap_or_default();
        let (before, after) = (field(before), field(after));
        (before != after).then_some(Change {
            name,
            before,
            after,
        })
    };
    names.into_iter().filter_map(change).collect()
}
