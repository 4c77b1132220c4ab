//! The ways through the log that an index holds, each in log order.

use sqlx::{Postgres, QueryBuilder};

use super::{Filter, places::Range};

/// Who caused an event, as it is indexed.
const ACTOR: &str = "coalesce(metadata->>'actor', 'system')";
/// The request that led to an event, as it is indexed.
const CORRELATION: &str = "coalesce(metadata->>'correlation_id', '')";

/// A position, as the indexes beside its own have it: in this order there is no other way than along one of them.
const PLACE: &str = "position + 0";

/// A stretch of one index: where its first columns have these values, from one place to another.
#[derive(Debug)]
pub(super) struct Walk {
    at: Vec<(&'static str, String)>,
    place: &'static str,
    range: Range,
}

impl Walk {
    pub(super) fn along_the_log(range: Range) -> Self {
        Self {
            at: Vec::new(),
            place: "position",
            range,
        }
    }

    /// `range` is one of sequences.
    pub(super) fn along_a_stream(aggregate_type: String, id: String, range: Range) -> Self {
        Self {
            at: vec![("aggregate_type", aggregate_type), ("aggregate_id", id)],
            place: "sequence",
            range,
        }
    }

    pub(super) fn along_a_kind(aggregate_type: String, event_type: String, range: Range) -> Self {
        Self {
            at: vec![
                ("aggregate_type", aggregate_type),
                ("event_type", event_type),
            ],
            place: PLACE,
            range,
        }
    }

    pub(super) fn along_an_actor(actor: String, range: Range) -> Self {
        Self {
            at: vec![(ACTOR, actor)],
            place: PLACE,
            range,
        }
    }

    pub(super) fn along_a_request(correlation_id: String, range: Range) -> Self {
        Self {
            at: vec![(CORRELATION, correlation_id)],
            place: PLACE,
            range,
        }
    }
}

/// The first events on these walks that the filter lets pass.
pub(super) fn push<'a>(
    query: &mut QueryBuilder<'a, Postgres>,
    walks: &'a [Walk],
    filter: &'a Filter,
    limit: i64,
) {
    query.push("select * from (");
    for (at, walk) in walks.iter().enumerate() {
        query.push(if at == 0 { "(" } else { " union all (" });
        push_one(query, walk, filter, limit);
        query.push(")");
    }
    query
        .push(") as entry order by position limit ")
        .push_bind(limit);
}

fn push_one<'a>(
    query: &mut QueryBuilder<'a, Postgres>,
    walk: &'a Walk,
    filter: &'a Filter,
    limit: i64,
) {
    query.push(format_args!(
        "select position, event_id, aggregate_type, aggregate_id, sequence, event_type, recorded_at,
                {ACTOR} as actor, {CORRELATION} as correlation_id,
                coalesce(metadata->>'causation_id', {CORRELATION}) as causation_id, payload
         from events where "
    ));
    let place = walk.place;
    query
        .push(format_args!("{place} > "))
        .push_bind(walk.range.after);
    query
        .push(format_args!(" and {place} <= "))
        .push_bind(walk.range.through);
    for (column, value) in &walk.at {
        query
            .push(format_args!(" and {column} = "))
            .push_bind(value);
    }
    let aggregate_id = filter.aggregate_id.map(|id| id.to_string());
    let rest = [
        ("aggregate_type", filter.aggregate_type.clone()),
        ("aggregate_id", aggregate_id),
        ("event_type", filter.event_type.clone()),
        (ACTOR, filter.actor.clone()),
        (CORRELATION, filter.correlation_id.clone()),
    ];
    for (column, wanted) in rest {
        if let Some(wanted) = wanted
            && !walk.at.iter().any(|(known, _)| *known == column)
        {
            // What is so wrapped up leads along no index.
            query
                .push(format_args!(" and ({column} = "))
                .push_bind(wanted)
                .push(") is true");
        }
    }
    query
        .push(format_args!(" order by {place} limit "))
        .push_bind(limit);
}
