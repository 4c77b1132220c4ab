//! How far a projection has applied which log: one row beside its tables.

mod live;

use std::cmp::Ordering;

use anyhow::{Context as _, Result, bail};
use event_store::Identity;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Projection;
use crate::mirror::Partitions;
use proto::Topic;

pub(crate) use live::{Live, lock_live, switch};

/// The row.
#[derive(FromRow)]
pub(crate) struct Checkpoint {
    version: i32,
    position: i64,
    partitions: Json<Partitions>,
    /// How many aggregates wait behind an event that was refused.
    parked: i64,
    /// Null where an earlier version wrote it.
    log: Option<Uuid>,
    database: String,
}

/// How far a projection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Everything up to here is applied, whichever way it came.
    pub position: i64,
    /// Everything in a partition up to its entry is applied as well; empty until the projection first follows Kafka.
    pub partitions: Partitions,
    /// How many aggregates wait behind an event that was refused.
    pub parked: i64,
}

impl Place {
    /// Up to where everything in this partition is applied; none where the partition is not listed.
    pub(crate) fn of(&self, topic: Topic, partition: i32) -> Option<i64> {
        let entry = self.partitions.get(topic, partition)?;
        Some(entry.max(self.position))
    }
}

/// The row has moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// Some aggregates wait behind an event that was refused.
    pub parked: bool,
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

/// The tables are of an earlier version: they are being rebuilt, and nothing else applies anything to them.
#[derive(Debug, thiserror::Error)]
#[error(
    "the tables of projection {name} are of version {tables}, this program makes version {program}: they are rebuilt, and \
     stay as they are until then"
)]
pub(crate) struct Outdated {
    name: &'static str,
    tables: i32,
    program: i32,
}

impl Checkpoint {
    /// Of the fold that made the tables.
    pub(crate) fn version(&self) -> i32 {
        self.version
    }

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
        "select version, position, partitions, log, current_database()::text as database,
                (select count(*) from parked where projection = $1) as parked
         from checkpoint where projection = $1",
    )
    .bind(projection.name())
    .fetch_optional(connection)
    .await
}

/// Where the projection stands in this log; makes its row at the first start. Whether the log goes that far is checked
/// by [`Checkpoint::check`], before this.
pub(crate) async fn place(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    log: &Identity,
) -> Result<Place> {
    let found = match find(&mut *connection, projection).await? {
        Some(found) if found.log.is_some() => found,
        _ => {
            claim(connection, projection, log).await?;
            let found = find(&mut *connection, projection).await?;
            found.context("its checkpoint is gone")?
        }
    };
    let (name, tables, program) = (projection.name(), found.version, projection.version());
    match tables.cmp(&program) {
        Ordering::Equal => {}
        Ordering::Less => {
            return Err(Outdated {
                name,
                tables,
                program,
            }
            .into());
        }
        Ordering::Greater => bail!(
            "the tables of projection {name} are of version {tables}, this program knows version {program} only: \
             start the newer program, or make them anew with this one: mart rebuild {name}"
        ),
    }
    found.check_id(log)?;
    Ok(Place {
        position: found.position,
        partitions: found.partitions.0,
        parked: found.parked,
    })
}

/// Makes the row, or says whose it is where that is not known yet. Of several processes the first one does.
pub(crate) async fn claim(
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

/// Moves the row from one position to another; none, and nothing moved, where another process was faster, or the
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
) -> Result<Option<Moved>, sqlx::Error> {
    let moved: Option<(String, bool)> = sqlx::query_as(
        "update checkpoint set position = $5 where projection = $1 and version = $2 and log = $3 and position = $4
         returning set_config('synchronous_commit', 'off', true),
                   exists (select from parked where projection = $1)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .bind(from)
    .bind(to)
    .fetch_optional(connection)
    .await?;
    Ok(moved.map(|(_, parked)| Moved { parked }))
}

/// Moves the entries of some partitions, all of which are listed, from where `from` has them to where `to` has them;
/// otherwise as [`advance`]. None as well where the partitions are no longer as many as they were, or the row has gone
/// back: what was true of it need not be true then.
pub(crate) async fn advance_partitions(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    log: Uuid,
    from: &Place,
    to: &Partitions,
) -> Result<Option<Moved>, sqlx::Error> {
    let mut old = Partitions::default();
    for (topic, partition, _) in to.iter() {
        if let Some(entry) = from.partitions.get(topic, partition) {
            old.set(topic, partition, entry);
        }
    }
    let (last, beyond) = bounds(projection, &from.partitions);
    let moved: Option<(String, bool)> = sqlx::query_as(
        "update checkpoint set partitions = partitions || $6
         where projection = $1 and version = $2 and log = $3 and position >= $4 and partitions @> $5
               and partitions ?& $7 and not partitions ?| $8
         returning set_config('synchronous_commit', 'off', true),
                   exists (select from parked where projection = $1)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .bind(from.position)
    .bind(Json(old))
    .bind(Json(to))
    .bind(last)
    .bind(beyond)
    .fetch_optional(connection)
    .await?;
    Ok(moved.map(|(_, parked)| Moved { parked }))
}

/// Lists other partitions than those of `from`, each from where everything is applied; false as [`advance`].
pub(crate) async fn list(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    log: Uuid,
    from: &Place,
    listed: &Partitions,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "update checkpoint set partitions = $6
         where projection = $1 and version = $2 and log = $3 and position = $4 and partitions = $5",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .bind(from.position)
    .bind(Json(&from.partitions))
    .bind(Json(listed))
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() > 0)
}

/// Raises the position, every partition having reached what `reached` says; false as [`advance`], and where the row has
/// gone back since.
pub(crate) async fn raise(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    log: Uuid,
    to: i64,
    reached: &Partitions,
) -> Result<bool, sqlx::Error> {
    let (last, beyond) = bounds(projection, reached);
    // One statement is its own transaction: that the setting comes with the first row is early enough.
    let moved = sqlx::query(
        "update checkpoint set position = $4
         where projection = $1 and version = $2 and log = $3 and position < $4
               and partitions ?& $6 and not partitions ?| $7
               and not exists (select from jsonb_each_text($5) as reached (name, entry)
                               where greatest((partitions ->> name)::bigint, position) < entry::bigint)
         returning set_config('synchronous_commit', 'off', true)",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .bind(to)
    .bind(Json(reached))
    .bind(last)
    .bind(beyond)
    .fetch_optional(connection)
    .await?;
    Ok(moved.is_some())
}

/// Keeps everybody else from applying anything until the transaction ends; false where the tables are not ours.
pub(crate) async fn lock(
    connection: impl PgExecutor<'_>,
    projection: &dyn Projection,
    log: Uuid,
) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query(
        "select from checkpoint where projection = $1 and version = $2 and log = $3 for update",
    )
    .bind(projection.name())
    .bind(projection.version())
    .bind(log)
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

/// The names of the last partition of each topic, and of those that would come next: with the former listed and the
/// latter not, there are as many as there were.
fn bounds(projection: &dyn Projection, partitions: &Partitions) -> (Vec<String>, Vec<String>) {
    let topics = projection.topics().iter();
    let names = topics.map(|topic| {
        let count = partitions.count(*topic);
        let name = |partition: i32| format!("{}/{partition}", topic.name());
        (name(count - 1), name(count))
    });
    names.unzip()
}
