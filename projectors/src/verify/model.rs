//! One projection, folded anew beside its live tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use event_store::{Identity, Log, Page, Published};
use futures::future::{OptionFuture, try_join_all};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Difference;
use super::live::{Live, keep_live, live};
use crate::beside::{Beside, quoted};
use crate::{ApplyError, Projection, ReadDatabases, Refused};

/// Events that are read at once.
const PAGE: i64 = 2_000;
/// Pauses before another look at who holds the lock: whoever was killed may hold it for a moment.
const LOCK: [Duration; 4] = [Duration::from_millis(100); 4];

/// A projection with its fresh tables, on a connection of its own.
pub(super) struct Model {
    pub connection: PgConnection,
    pub fold: Fold,
}

/// The fresh tables.
pub(super) struct Fold {
    pub projection: &'static dyn Projection,
    beside: Beside,
    schema: String,
    /// Everything up to here is applied, but for what was refused.
    pub position: i64,
    /// Aggregates of which an event was refused: it and what follows it are left out.
    pub refused: BTreeMap<Uuid, Refused>,
}

impl Model {
    /// With empty tables. One at a time: the lock is its connection's.
    pub(super) async fn make(
        projection: &'static dyn Projection,
        databases: &ReadDatabases,
        log: &Identity,
    ) -> Result<Self> {
        let name = projection.name();
        let connection = projection.database(databases).acquire().await;
        let connection = connection.with_context(|| format!("cannot reach {name}'s database"))?;
        let mut connection = connection.detach();
        let schema = schema(projection);
        lock(&mut connection, projection, &schema).await?;
        // Plans that were made for empty tables would be kept.
        connection
            .execute("set plan_cache_mode = force_custom_plan")
            .await?;
        // What one that was killed left behind.
        Beside::drop(&mut connection, &schema).await?;
        let fold = Fold::make(&mut connection, projection, &schema, log).await;
        let fold = fold.with_context(|| format!("cannot fold {name} anew"))?;
        Ok(Self { connection, fold })
    }

    pub(super) fn name(&self) -> &'static str {
        self.fold.projection.name()
    }

    /// Of one of its tables.
    pub(super) fn table(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.fold.schema), quoted(table))
    }

    /// How far the live tables are now.
    pub(super) async fn live(&mut self) -> Result<Live, sqlx::Error> {
        live(&mut self.connection, self.fold.projection).await
    }

    /// What its fold refused, but for what waits in the live tables and is told so already.
    pub(super) fn unfoldable(&self, told: &[Difference]) -> Vec<Difference> {
        let name = self.name();
        let waits = |id: Uuid| {
            told.iter().any(|difference| {
                matches!(difference, Difference::Parked { projection, parked, .. }
                    if *projection == name && parked.aggregate_id == id)
            })
        };
        let refused = self.fold.refused.iter().filter(|(id, _)| !waits(**id));
        let differences = refused.map(|(aggregate_id, refused)| Difference::Unfoldable {
            projection: name,
            aggregate_id: *aggregate_id,
            refused: refused.clone(),
        });
        differences.collect()
    }

    /// With empty tables again.
    pub(super) async fn restart(&mut self, log: &Identity) -> Result<()> {
        let schema = self.fold.schema.clone();
        Beside::drop(&mut self.connection, &schema).await?;
        let projection = self.fold.projection;
        self.fold = Fold::make(&mut self.connection, projection, &schema, log).await?;
        Ok(())
    }

    /// Leaves nothing behind.
    pub(super) async fn drop(mut self) -> Result<()> {
        Beside::drop(&mut self.connection, &self.fold.schema).await?;
        // The server may take its time to see that the connection is gone.
        self.connection
            .execute("select pg_advisory_unlock_all()")
            .await?;
        self.connection.close().await?;
        Ok(())
    }

    async fn take(&mut self, page: &Page) -> Result<()> {
        let is_next = |event: &&Arc<Published>| event.position > self.fold.position;
        let events = page.events.iter().filter(is_next).cloned().collect();
        self.fold.apply(&mut self.connection, events).await?;
        self.fold.position = self.fold.position.max(page.through);
        Ok(())
    }
}

/// Drops what a verification that was killed has left behind, unless one is under way.
pub(crate) async fn clear(
    connection: &mut PgConnection,
    projection: &'static dyn Projection,
) -> Result<()> {
    let schema = schema(projection);
    if !try_lock(connection, &schema).await? {
        return Ok(());
    }
    let dropped = Beside::drop(connection, &schema).await;
    sqlx::query("select pg_advisory_unlock(hashtextextended($1, 0))")
        .bind(lock_name(&schema))
        .execute(connection)
        .await?;
    dropped
}

fn schema(projection: &dyn Projection) -> String {
    format!("{}_verify", projection.name())
}

/// Keeps everybody else from this schema until the connection is gone.
async fn lock(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    schema: &str,
) -> Result<()> {
    for pause in LOCK {
        if try_lock(connection, schema).await? {
            return Ok(());
        }
        sleep(pause).await;
    }
    bail!("projection {} is being verified already", projection.name());
}

async fn try_lock(connection: &mut PgConnection, schema: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(lock_name(schema))
        .fetch_one(connection)
        .await
}

fn lock_name(schema: &str) -> String {
    format!("online-mart {schema}")
}

impl Fold {
    async fn make(
        connection: &mut PgConnection,
        projection: &'static dyn Projection,
        schema: &str,
        log: &Identity,
    ) -> Result<Self> {
        let mut transaction = connection.begin().await?;
        keep_live(&mut transaction, projection).await?;
        let beside = Beside::make(&mut transaction, projection, schema, log).await?;
        transaction.commit().await?;
        let name = quoted(schema);
        // They need not outlive a crash.
        for table in projection.tables().iter().chain(&["checkpoint"]) {
            let table = quoted(table);
            let unlogged = format!("alter table {name}.{table} set unlogged");
            connection.execute(unlogged.as_str()).await?;
        }
        // The fold puts new mails in the queue: not in the real one.
        let queue = format!(
            "do $$ begin
                 if to_regclass('public.delivery') is not null then
                     create unlogged table {name}.delivery (like public.delivery including all);
                 end if;
             end $$"
        );
        connection.execute(queue.as_str()).await?;
        Ok(Self {
            projection,
            beside,
            schema: schema.to_owned(),
            position: 0,
            refused: BTreeMap::new(),
        })
    }

    /// Applies these in a transaction, or a part of the caller's, leaving out what can't be folded.
    pub(super) async fn apply(
        &mut self,
        connection: &mut PgConnection,
        mut events: Vec<Arc<Published>>,
    ) -> Result<()> {
        events.retain(|event| {
            let refused = self.refused.get(&event.aggregate_id);
            self.projection.concerns(&event.message)
                && refused.is_none_or(|refused| event.position < refused.position)
        });
        while !events.is_empty() {
            let mut transaction = connection.begin().await?;
            let applied = self.beside.apply_within(&mut transaction, &events).await;
            let Err(error) = applied else {
                transaction.commit().await?;
                return Ok(());
            };
            transaction.rollback().await?;
            let Some(ApplyError::Refused(refused)) = error.downcast_ref() else {
                return Err(error);
            };
            let mut among = events.iter();
            let Some(event) = among.find(|event| event.position == refused.position) else {
                return Err(error);
            };
            let id = event.aggregate_id;
            events.retain(|event| event.aggregate_id != id || event.position < refused.position);
            self.refused.insert(id, refused.clone());
        }
        Ok(())
    }
}

/// Brings all of these to `through`, reading each page of the log once.
pub(super) async fn fold(
    models: &mut [Model],
    log: &Log,
    through: i64,
    stop: &CancellationToken,
    progress: &mut (dyn FnMut(i64) + Send),
) -> Result<()> {
    let read = async |after: i64| {
        let page = log.read(after, PAGE.min(through - after)).await?;
        ensure!(
            page.through > after,
            "the log ends at position {after}, before {through}"
        );
        anyhow::Ok(page)
    };
    let positions = models.iter().map(|model| model.fold.position);
    let first = positions.min().unwrap_or(through);
    if first >= through {
        return Ok(());
    }
    let mut page = read(first).await?;
    loop {
        ensure!(!stop.is_cancelled(), "stopped before it was done");
        let after = page.through;
        let reading = OptionFuture::from((after < through).then(|| read(after)));
        let taking = try_join_all(models.iter_mut().map(|model| model.take(&page)));
        let (taken, next) = tokio::join!(taking, reading);
        taken?;
        progress(after);
        let Some(next) = next else {
            return Ok(());
        };
        page = next?;
    }
}
