//! How far a projection has applied which log: one row beside its tables.

use anyhow::{Context as _, Result, ensure};
use event_store::Identity;
use sqlx::{FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Projection;

/// The row.
#[derive(FromRow)]
pub(crate) struct Checkpoint {
    version: i32,
    position: i64,
    /// Null where an earlier version wrote it.
    log: Option<Uuid>,
    database: String,
}

/// The rows are not of the log that is to be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongLog {
    #[error(
        "the read models in database {database} were made from another event store (log {found}) than the one in \
         database {} (log {}); point PRODUCT_DATABASE_URL … NOTIFICATION_DATABASE_URL at databases of their own, or \
         drop the read models' databases: they are rebuilt from this event store at the next start",
        .log.database, .log.id
    )]
    Another {
        database: String,
        found: Uuid,
        log: Identity,
    },
    #[error(
        "the read models in database {database} have applied position {position}, but the event store in database {} \
         (log {}) ends before it: it is older than they are; point DATABASE_URL at the newer event store, or drop the \
         read models' databases: they are rebuilt from this event store at the next start",
        .log.database, .log.id
    )]
    Older {
        database: String,
        position: i64,
        log: Identity,
    },
}

impl Checkpoint {
    /// Refuses a log that is not its own, or that ends before it. Have the log's identity read after the row.
    pub(crate) fn check(&self, log: &Identity) -> Result<(), WrongLog> {
        self.check_id(log)?;
        if self.position > log.head {
            return Err(WrongLog::Older {
                database: self.database.clone(),
                position: self.position,
                log: log.clone(),
            });
        }
        Ok(())
    }

    fn check_id(&self, log: &Identity) -> Result<(), WrongLog> {
        match self.log {
            Some(found) if found != log.id => Err(WrongLog::Another {
                database: self.database.clone(),
                found,
                log: log.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// The row as it is; none before the first start.
pub(crate) async fn find(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    sqlx::query_as(
        "select version, position, log, current_database()::text as database from checkpoint where projection = $1",
    )
    .bind(projection.name())
    .fetch_optional(connection)
    .await
}

/// Where the projection stands in this log; makes its row at the first start. Whether the log goes that far is checked
/// by [`Checkpoint::check`], before this.
pub(crate) async fn position(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: &Identity,
) -> Result<i64> {
    let found = match find(&mut *connection, projection).await? {
        Some(found) if found.log.is_some() => found,
        _ => {
            claim(connection, projection, log).await?;
            let found = find(&mut *connection, projection).await?;
            found.context("its checkpoint is gone")?
        }
    };
    ensure!(
        found.version == projection.version(),
        "the tables of projection {} are of version {}, this program knows version {}",
        projection.name(),
        found.version,
        projection.version(),
    );
    found.check_id(log)?;
    Ok(found.position)
}

/// Makes the row, or says whose it is where that is not known yet. Of several processes the first one does.
async fn claim(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: &Identity,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into checkpoint (projection, version, position, log) values ($1, $2, 0, $3)
         on conflict (projection) do update set log = excluded.log
             where checkpoint.log is null and checkpoint.version = excluded.version",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log.id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the row from one position to another; false, and nothing moved, where another process was faster, or the
/// tables were switched to another version or log. Inside a transaction the row stays locked until its end.
///
/// The commit does not wait for the disk: rows and checkpoint survive a crash of the server together or not at all,
/// and what is lost is folded from the log again.
pub(crate) async fn advance(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    log: Uuid,
    from: i64,
    to: i64,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "update checkpoint set position = $5 where projection = $1 and version = $2 and log = $3 and position = $4
         returning set_config('synchronous_commit', 'off', true)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .bind(from)
    .bind(to)
    .fetch_optional(connection)
    .await?;
    Ok(moved.is_some())
}
