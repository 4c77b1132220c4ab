//! The tables of one projection in a schema of their own, beside the live ones, and how far the log is applied to them.
//!
//! The same `apply` fills them, by `search_path`: what is not made anew (the mails' deliveries) stays the one in public.

mod tables;

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use event_store::{Identity, Log, Page, Published};
use futures::future::OptionFuture;
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Projection;

pub(crate) use tables::{exists, quoted, shape};

/// Events that are applied in one transaction.
const PAGE: i64 = 2_000;

/// The tables of one projection in a schema of their own. They belong to whoever holds the lock that guards the schema's
/// name; nothing here takes one.
pub(crate) struct Beside {
    projection: &'static dyn Projection,
    schema: String,
    version: i32,
    shape: i64,
    log: Option<Uuid>,
    position: i64,
}

/// Version, shape, log, position.
type Row = (i32, i64, Option<Uuid>, i64);

impl Beside {
    /// Makes the schema with empty tables like the live ones: their columns, indexes, options and grants, and a row
    /// `checkpoint`. The schema must not be there.
    pub(crate) async fn make(
        connection: &mut PgConnection,
        projection: &'static dyn Projection,
        schema: &str,
        log: &Identity,
    ) -> Result<Self> {
        let mut transaction = connection.begin().await?;
        tables::make(&mut transaction, projection, schema).await?;
        let shape = shape(&mut transaction).await?;
        sqlx::query(&format!(
            "insert into {}.checkpoint (projection, version, position, log, shape) values ($1, $2, 0, $3, $4)",
            quoted(schema),
        ))
        .bind(projection.name())
        .bind(projection.version())
        .bind(log.id)
        .bind(shape)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Self {
            projection,
            schema: schema.to_owned(),
            version: projection.version(),
            shape,
            log: Some(log.id),
            position: 0,
        })
    }

    /// The schema as it was left; none where it is not there, or has no checkpoint.
    pub(crate) async fn find(
        connection: &mut PgConnection,
        projection: &'static dyn Projection,
        schema: &str,
    ) -> Result<Option<Self>> {
        let name = quoted(schema);
        let is_there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(format!("{name}.checkpoint"))
            .fetch_one(&mut *connection)
            .await?;
        if !is_there {
            return Ok(None);
        }
        let found: Result<Option<Row>, _> = sqlx::query_as(&format!(
            "select version, shape, log, position from {name}.checkpoint where projection = $1"
        ))
        .bind(projection.name())
        .fetch_optional(connection)
        .await;
        let found = match found {
            // Meanwhile it was dropped, or renamed.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => None,
            found => found?,
        };
        Ok(found.map(|(version, shape, log, position)| Self {
            projection,
            schema: schema.to_owned(),
            version,
            shape,
            log,
            position,
        }))
    }

    /// Drops the schema with its tables, and nothing else: a view that somebody made on them keeps them. No schema of
    /// this name is fine.
    pub(crate) async fn drop(connection: &mut PgConnection, schema: &str) -> Result<()> {
        let mut transaction = connection.begin().await?;
        tables::drop(&mut transaction, schema).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whose tables they are.
    pub(crate) fn projection(&self) -> &'static dyn Projection {
        self.projection
    }

    /// Everything up to here is applied.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// Of the fold that made them.
    pub(crate) fn version(&self) -> i32 {
        self.version
    }

    /// Whether they are what this program would make: by the same fold, and of this [`shape`].
    pub(crate) fn fits(&self, shape: i64) -> bool {
        self.version == self.projection.version() && self.shape == shape
    }

    /// Whether they were made from this log, which goes as far as they do.
    pub(crate) fn is_of(&self, log: &Identity) -> bool {
        self.log == Some(log.id) && self.position <= log.head
    }

    /// Applies the log up to `through`, a page and a transaction at a time, and tells after each how far it is. Once
    /// `stop` is cancelled it ends after the page in hand: look at [`position`](Self::position) then. An event that
    /// can't be folded is an error, [`ApplyError::Refused`](crate::ApplyError).
    pub(crate) async fn fold(
        &mut self,
        connection: &mut PgConnection,
        log: &Log,
        through: i64,
        stop: &CancellationToken,
        progress: &(dyn Fn(i64) + Sync),
    ) -> Result<()> {
        let mut next = None;
        while self.position < through && !stop.is_cancelled() {
            let page = match next.take() {
                Some(page) => page,
                None => self.read(log, self.position, through).await?,
            };
            let after = page.through;
            // The next page is read while this one is written.
            let reading =
                OptionFuture::from((after < through).then(|| self.read(log, after, through)));
            let writing = async {
                let mut transaction = connection.begin().await?;
                let written = self.write(&mut transaction, &page.events, after);
                written.await?;
                transaction.commit().await?;
                anyhow::Ok(())
            };
            let (written, read) = tokio::join!(writing, reading);
            written?;
            self.position = after;
            progress(after);
            next = read.transpose()?;
        }
        Ok(())
    }

    /// The same inside a transaction of the caller's, all of it. Where that is rolled back, [`find`](Self::find) the
    /// tables again.
    pub(crate) async fn fold_within(
        &mut self,
        transaction: &mut PgConnection,
        log: &Log,
        through: i64,
    ) -> Result<()> {
        while self.position < through {
            let page = self.read(log, self.position, through).await?;
            self.write(transaction, &page.events, page.through).await?;
            self.position = page.through;
        }
        Ok(())
    }

    /// Applies some more events of the log inside a transaction of the caller's, in log order: those of some partitions,
    /// say. They may be beyond [`position`](Self::position), which stays.
    pub(crate) async fn apply_within(
        &self,
        transaction: &mut PgConnection,
        events: &[Arc<Published>],
    ) -> Result<()> {
        self.write(transaction, events, self.position).await
    }

    async fn read(&self, log: &Log, after: i64, through: i64) -> Result<Page> {
        let mut page = log.read(after, PAGE.min(through - after)).await?;
        ensure!(
            page.through > after,
            "the log ends at position {after}, before {through}"
        );
        let projection = self.projection;
        page.events
            .retain(|event| projection.concerns(&event.message));
        Ok(page)
    }

    /// What is lost in a crash is folded again: rows and checkpoint are lost together.
    async fn write(
        &self,
        transaction: &mut PgConnection,
        events: &[Arc<Published>],
        through: i64,
    ) -> Result<()> {
        let schema = quoted(&self.schema);
        sqlx::query(
            "select set_config('search_path', $1, true), set_config('synchronous_commit', 'off', true)",
        )
        .bind(format!("{schema}, public"))
        .execute(&mut *transaction)
        .await?;
        let moved = sqlx::query(&format!(
            "update {schema}.checkpoint set position = $2 where projection = $1"
        ))
        .bind(self.projection.name())
        .bind(through)
        .execute(&mut *transaction)
        .await?;
        ensure!(
            moved.rows_affected() == 1,
            "the checkpoint of schema {schema} is gone"
        );
        let concerned: Vec<_> = events
            .iter()
            .filter(|event| self.projection.concerns(&event.message))
            .cloned()
            .collect();
        if !concerned.is_empty() {
            self.projection.apply(transaction, &concerned).await?;
        }
        sqlx::query("select set_config('search_path', 'public', true)")
            .execute(transaction)
            .await
            .context("the search path cannot be set back")?;
        Ok(())
    }
}
