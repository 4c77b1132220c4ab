//! A projection's live rows, held against a fresh fold of exactly what it has applied.

use anyhow::{Result, bail};
use event_store::Log;
use serde_json::{Map, Value};
use sqlx::{Connection as _, Executor as _, FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use super::difference::{Column, Difference, Found, RowDifference};
use super::live::{Live, keep_live, live};
use super::model::Model;
use super::{Run, position};
use crate::beside::quoted;
use crate::follower::parked;

/// The live tables may be so far ahead when their snapshot is taken.
const NEAR: i64 = 2_000;
/// How often the tables may be switched to older ones meanwhile.
const TRIES: usize = 5;
/// Events that are read at once.
const PAGE: i64 = 2_000;

/// Compares the live rows with the log, at whatever they have applied when it comes to that.
pub(super) async fn compare(run: &mut Run<'_>, model: &mut Model) -> Result<Vec<Difference>> {
    for _ in 0..TRIES {
        let (mut at, head) = (model.live().await?.position, run.log.head().await?);
        while at <= head && at > model.fold.position + NEAR {
            run.fold(std::slice::from_mut(model), at).await?;
            at = model.live().await?.position;
        }
        if let Some(differences) = compare_once(run, model).await? {
            return Ok(differences);
        }
        // An older version was switched back to, or the server crashed and has lost the last commits.
        let identity = run.identity.clone();
        model.restart(&identity).await?;
    }
    bail!("the tables of {} went back again and again", model.name());
}

/// None where the live tables are behind the fold.
async fn compare_once(run: &mut Run<'_>, model: &mut Model) -> Result<Option<Vec<Difference>>> {
    let projection = model.fold.projection;
    let tables: Vec<_> = projection
        .tables()
        .iter()
        .map(|table| (*table, model.table(table)))
        .collect();
    let mut transaction = model.connection.begin().await?;
    transaction
        .execute("set transaction isolation level repeatable read")
        .await?;
    // Before the snapshot is taken, which the first question does.
    keep_live(&mut transaction, projection).await?;
    let live = live(&mut *transaction, projection).await?;
    let head = run.log.head().await?;
    let mut found = Found::of(projection.name());
    if let Some(difference) = whose(
        run,
        model.fold.projection.name(),
        projection.version(),
        &live,
        head,
    ) {
        found.push(difference);
        return Ok(Some(found.into_differences()));
    }
    if live.position < model.fold.position {
        return Ok(None);
    }
    let mut after = model.fold.position;
    let furthest = live.furthest();
    while after < furthest {
        run.check_stop()?;
        let mut page = run.log.read(after, PAGE.min(furthest - after)).await?;
        page.events.retain(|event| live.has(projection, event));
        model.fold.apply(&mut transaction, page.events).await?;
        after = page.through;
    }
    model.fold.position = live.position;

    let waiting = parked::all(&mut *transaction, projection).await?;
    let aside: Vec<_> = waiting
        .iter()
        .map(|parked| parked.aggregate_id.to_string())
        .collect();
    for parked in waiting {
        found.push(Difference::Parked {
            projection: projection.name(),
            folds: !model.fold.refused.contains_key(&parked.aggregate_id),
            parked,
        });
    }
    for (table, fresh) in tables {
        let compared = Compared {
            projection: projection.name(),
            table,
            fresh,
            aside: &aside,
            through: furthest,
        };
        compared
            .compare(run.log, &mut transaction, &mut found)
            .await?;
    }
    if projection.tables().contains(&"mail") {
        undelivered(&mut *transaction, &mut found).await?;
    }
    transaction.commit().await?;
    Ok(Some(found.into_differences()))
}

/// What makes it pointless to compare rows.
fn whose(
    run: &Run<'_>,
    projection: &'static str,
    known: i32,
    live: &Live,
    head: i64,
) -> Option<Difference> {
    if let Some(found) = live.log.filter(|found| *found != run.identity.id) {
        return Some(Difference::AnotherLog { projection, found });
    }
    if let Some(found) = live.version.filter(|found| *found != known) {
        return Some(Difference::Version {
            projection,
            found,
            known,
        });
    }
    let position = live.furthest();
    (position > head).then_some(Difference::Beyond {
        projection,
        position,
        head,
    })
}

/// A live table and a fresh one.
struct Compared<'a> {
    projection: &'static str,
    table: &'static str,
    fresh: String,
    /// What waits in the live table: rows that name it are not compared.
    aside: &'a [String],
    /// What the live table has applied.
    through: i64,
}

/// A row as both have it.
#[derive(FromRow)]
struct Pair {
    key: String,
    live: Option<Value>,
    log: Option<Value>,
}

impl Compared<'_> {
    async fn compare(
        &self,
        log: &Log,
        connection: &mut PgConnection,
        found: &mut Found,
    ) -> Result<()> {
        let key = primary_key(&mut *connection, self.table).await?;
        let differing = format!(
            "from public.{} live full join {} log using ({key})
             where live is distinct from log and not exists (
                 select from (select * from jsonb_each_text(to_jsonb(live))
                              union all select * from jsonb_each_text(to_jsonb(log))) as named
                 where named.value = any($1))",
            quoted(self.table),
            self.fresh,
        );
        let count: i64 = sqlx::query_scalar(&format!("select count(*) {differing}"))
            .bind(self.aside)
            .fetch_one(&mut *connection)
            .await?;
        if count == 0 {
            return Ok(());
        }
        let pairs: Vec<Pair> = sqlx::query_as(&format!(
            "select concat_ws(' ', {key}) as key, to_jsonb(live) as live, to_jsonb(log) as log
             {differing} order by {key} limit $2"
        ))
        .bind(self.aside)
        .bind(i64::try_from(found.room())?)
        .fetch_all(connection)
        .await?;
        let told = i64::try_from(pairs.len())?;
        for pair in pairs {
            found.push(Difference::Row(self.tell(log, pair).await?));
        }
        found.count(u64::try_from(count - told)?);
        Ok(())
    }

    async fn tell(&self, log: &Log, pair: Pair) -> Result<RowDifference> {
        let rows = [&pair.log, &pair.live].map(|row| row.as_ref().and_then(Value::as_object));
        let columns = match rows {
            [Some(log), Some(live)] => columns(live, log),
            _ => Vec::new(),
        };
        Ok(RowDifference {
            projection: self.projection,
            table: self.table,
            key: pair.key,
            is_live: pair.live.is_some(),
            is_logged: pair.log.is_some(),
            columns,
            position: self.last_event(log, &rows).await?,
        })
    }

    async fn last_event(
        &self,
        log: &Log,
        rows: &[Option<&Map<String, Value>>],
    ) -> Result<Option<i64>> {
        let ids = |columns: &[&str]| -> Vec<Uuid> {
            let values = rows
                .iter()
                .flatten()
                .flat_map(|row| columns.iter().map(|column| row.get(*column)));
            let texts = values.flatten().filter_map(Value::as_str);
            texts.filter_map(|text| text.parse().ok()).collect()
        };
        let aggregate: &[&str] = match self.table {
            "product" | "product_aside" => &["product_id", "inventory_id"],
            "inventory" => &["inventory_id"],
            "orders" | "orders_gone" => &["order_id"],
            "payment" => &["payment_id"],
            "user" | "recipient" => &["user_id"],
            // A mail is of one event and has its id.
            _ => {
                let row = rows.iter().flatten().next();
                let at = row.and_then(|row| row.get("id")).and_then(Value::as_i64);
                return match (at, ids(&["notification_id"]).first()) {
                    (Some(at), Some(id)) => position::of_event(log, at, *id).await,
                    _ => Ok(None),
                };
            }
        };
        position::last(log, &ids(aggregate), self.through).await
    }
}

/// The columns that differ.
fn columns(live: &Map<String, Value>, log: &Map<String, Value>) -> Vec<Column> {
    let differing = log.iter().filter_map(|(name, log)| {
        let live = live.get(name).unwrap_or(&Value::Null);
        (live != log).then(|| Column {
            name: name.clone(),
            live: live.clone(),
            log: log.clone(),
        })
    });
    differing.collect()
}

/// The columns of a table's primary key, for SQL.
async fn primary_key(connection: impl PgExecutor<'_>, table: &str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(
        "select string_agg(quote_ident(attname), ', ' order by array_position(indkey::int2[], attnum))
         from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
         where indrelid = to_regclass($1) and indisprimary",
    )
    .bind(format!("public.{}", quoted(table)))
    .fetch_one(connection)
    .await
}

/// Mails that are in no queue.
async fn undelivered(connection: impl PgExecutor<'_>, found: &mut Found) -> Result<()> {
    let mails: Vec<(Uuid, i64)> = sqlx::query_as(
        "select notification_id, id from public.mail
         where not exists (select from public.delivery where delivery.notification_id = mail.notification_id)
         order by id",
    )
    .fetch_all(connection)
    .await?;
    for (notification_id, position) in mails {
        found.push(Difference::Undelivered {
            notification_id,
            position,
        });
    }
    Ok(())
}
