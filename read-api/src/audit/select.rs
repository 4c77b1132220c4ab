//! A page of the events that a filter lets pass: which ways lead there, and what lies on them.

use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};

use super::{
    AuditEntry, Filter,
    places::{Range, guided, recorded_before, recorded_by, within},
    secrets,
    walk::{self, Walk},
};

/// Actors that are not one person: most events may be theirs.
const SHARED: [&str; 2] = ["anonymous", "system"];

/// The first `limit` events in this part of the log that the filter lets pass, its own `after` and times aside.
pub(crate) async fn page(
    pool: &PgPool,
    filter: &Filter,
    range: Range,
    limit: i64,
) -> sqlx::Result<Vec<AuditEntry>> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = guided(pool).await?;
    let walks = walks(&mut transaction, filter, range).await?;
    let mut entries: Vec<AuditEntry> = if walks.is_empty() {
        Vec::new()
    } else {
        let mut query = QueryBuilder::<Postgres>::new("");
        walk::push(&mut query, &walks, filter, limit);
        query.build_query_as().fetch_all(&mut *transaction).await?
    };
    transaction.commit().await?;
    for entry in &mut entries {
        secrets::leave_out(&mut entry.payload);
    }
    Ok(entries)
}

/// The part of the log that the filter's `after` and times leave.
pub(crate) async fn range(pool: &PgPool, filter: &Filter) -> sqlx::Result<Range> {
    let mut range = Range {
        after: i64::try_from(filter.after.unwrap_or(0)).unwrap_or(i64::MAX),
        through: i64::MAX,
    };
    if filter.from.is_none() && filter.to.is_none() {
        return Ok(range);
    }
    let mut transaction = guided(pool).await?;
    if let Some(from) = filter.from {
        let before = recorded_before(&mut transaction, from).await?;
        range.after = range.after.max(before);
    }
    if let Some(to) = filter.to {
        range.through = recorded_by(&mut transaction, to).await?;
    }
    transaction.commit().await?;
    Ok(range)
}

/// The narrowest ways that lead by everything that the filter lets pass. Where several filters are given, the events on
/// the way are looked at one by one: the way is then as long as the stream, the request, the person's or the kind's share
/// of the log.
async fn walks(
    connection: &mut PgConnection,
    filter: &Filter,
    range: Range,
) -> sqlx::Result<Vec<Walk>> {
    let any_kind = filter.aggregate_type.is_none() && filter.event_type.is_none();
    if let Some(id) = filter.aggregate_id {
        return streams(connection, filter, &id.to_string(), range).await;
    }
    if let Some(correlation_id) = &filter.correlation_id {
        return Ok(vec![Walk::along_a_request(correlation_id.clone(), range)]);
    }
    match &filter.actor {
        Some(actor) if any_kind || !SHARED.contains(&actor.as_str()) => {
            Ok(vec![Walk::along_an_actor(actor.clone(), range)])
        }
        _ if any_kind => Ok(vec![Walk::along_the_log(range)]),
        _ => kinds(connection, filter, range).await,
    }
}

/// One for each type that has such an id.
async fn streams(
    connection: &mut PgConnection,
    filter: &Filter,
    id: &str,
    range: Range,
) -> sqlx::Result<Vec<Walk>> {
    let types: Vec<String> = match &filter.aggregate_type {
        Some(aggregate_type) => vec![aggregate_type.clone()],
        None => {
            sqlx::query_scalar(
                "with recursive type as (
                     (select aggregate_type from events order by aggregate_type limit 1)
                     union all
                     select (select e.aggregate_type from events e where e.aggregate_type > type.aggregate_type
                             order by e.aggregate_type limit 1)
                     from type where type.aggregate_type is not null
                 )
                 select aggregate_type from type, lateral (
                     select from events e where e.aggregate_type = type.aggregate_type and e.aggregate_id = $1
                     order by e.sequence limit 1
                 ) as known",
            )
            .bind(id)
            .fetch_all(&mut *connection)
            .await?
        }
    };
    let mut walks = Vec::with_capacity(types.len());
    for aggregate_type in types {
        let sequences = within(connection, &aggregate_type, id, range).await?;
        if !sequences.is_empty() {
            walks.push(Walk::along_a_stream(
                aggregate_type,
                id.to_owned(),
                sequences,
            ));
        }
    }
    Ok(walks)
}

/// One for each kind of event that has these names.
async fn kinds(
    connection: &mut PgConnection,
    filter: &Filter,
    range: Range,
) -> sqlx::Result<Vec<Walk>> {
    let kinds: Vec<(String, String)> = sqlx::query_as(
        "with recursive kind as (
             (select aggregate_type, event_type from events order by aggregate_type, event_type limit 1)
             union all
             select next.aggregate_type, next.event_type from kind, lateral (
                 select e.aggregate_type, e.event_type from events e
                 where (e.aggregate_type, e.event_type) > (kind.aggregate_type, kind.event_type)
                 order by e.aggregate_type, e.event_type limit 1
             ) as next
         )
         select aggregate_type, event_type from kind
         where ($1::text is null or aggregate_type = $1) and ($2::text is null or event_type = $2)",
    )
    .bind(&filter.aggregate_type)
    .bind(&filter.event_type)
    .fetch_all(connection)
    .await?;
    let walks = kinds
        .into_iter()
        .map(|(aggregate_type, event_type)| Walk::along_a_kind(aggregate_type, event_type, range));
    Ok(walks.collect())
}

#[cfg(test)]
mod tests;
