//! The ways through the log that an index holds, each in log order.

use sqlx::{Postgres, QueryBuilder};

use super::{Filter, places::Range};

/// Who caused an event, as it is indexed.
const ACTOR: &str = "coalesce(metadata->>'actor', 'system')";
/// The request that led to an event, as it is indexed.
const CORRELATION: &str = "coalesce(metadata->>'correlation_id', '')";

/// A stretch of one index.
///
/// The key is compared and ordered as a whole, never column by column: so no other index than its own gives the order,
/// and the planner has no other way than to walk along it.
#[derive(Debug)]
pub(super) struct Walk {
    key: &'static [&'static str],
    values: Vec<String>,
    range: Range,
}

impl Walk {
    pub(super) fn along_the_log(range: Range) -> Self {
        Self {
            key: &["position"],
            values: Vec::new(),
            range,
        }
    }

    /// `range` is one of sequences.
    pub(super) fn along_a_stream(
        aggregate_type: String,
        aggregate_id: String,
        range: Range,
    ) -> Self {
        Self {
            key: &["aggregate_type", "aggregate_id", "sequence"],
            values: vec![aggregate_type, aggregate_id],
            range,
        }
    }

    pub(super) fn along_a_kind(aggregate_type: String, event_type: String, range: Range) -> Self {
        Self {
            key: &["aggregate_type", "event_type", "position"],
            values: vec![aggregate_type, event_type],
            range,
        }
    }

    pub(super) fn along_an_actor(actor: String, range: Range) -> Self {
        Self {
            key: &[ACTOR, "position"],
            values: vec![actor],
            range,
        }
    }

    pub(super) fn along_a_request(correlation_id: String, range: Range) -> Self {
        Self {
            key: &[CORRELATION, "position"],
            values: vec![correlation_id],
            range,
        }
    }

    fn covers(&self, column: &str) -> bool {
        self.key.contains(&column)
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
    push_bound(query, walk, " > ", walk.range.after);
    query.push(" and ");
    push_bound(query, walk, " <= ", walk.range.through);
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
            && !walk.covers(column)
        {
            query
                .push(format_args!(" and {column} = "))
                .push_bind(wanted);
        }
    }
    query
        .push(format_args!(" order by {} limit ", walk.key.join(", ")))
        .push_bind(limit);
}

fn push_bound<'a>(
    query: &mut QueryBuilder<'a, Postgres>,
    walk: &'a Walk,
    comparison: &'static str,
    place: i64,
) {
    query.push(format_args!("({}){comparison}(", walk.key.join(", ")));
    for value in &walk.values {
        query.push_bind(value).push(", ");
    }
    query.push_bind(place).push(")");
}
