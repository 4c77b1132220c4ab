//! Checking the whole log against the signed checkpoints.

use std::path::Path;

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use super::chain;
use super::finding::Finding;
use super::key::PublicKey;
use super::leaf::{Leaf, leaf_columns};
use super::walk::Walk;
use crate::Log;

/// Events that are read at once.
const PAGE: i64 = 2_000;
/// Findings of a kind that are told.
const TOLD: i64 = 100;

/// What the check of a log has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log's last position.
    pub head: i64,
    /// The last position that a checkpoint tells of.
    pub sealed: i64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// What is not as it was sealed; empty: all is well.
    pub findings: Vec<Finding>,
}

/// Checks every event, of one moment, against the checkpoints in `directory` that `key` has signed: these are believed,
/// the database is not. `progress` is told how far it is, and how far it goes.
pub async fn verify(
    log: &Log,
    directory: &Path,
    key: &PublicKey,
    mut progress: impl FnMut(i64, i64),
) -> Result<Report> {
    let mut connection = PgConnection::connect_with(&log.pool().connect_options())
        .await
        .context("cannot connect to the event store")?;
    // Before the events: what is sealed in between would look like a cut tail.
    let id: Uuid = sqlx::query_scalar("select id from log_identity")
        .fetch_one(&mut connection)
        .await
        .context("cannot read which log this is")?;
    let chain = chain::read(directory, id, key)?;
    let mut snapshot = connection.begin().await?;
    snapshot
        .execute("set transaction isolation level repeatable read, read only")
        .await?;
    let head = crate::log::head(&mut *snapshot).await?;
    let sealed = chain.sealed();
    let mut findings = chain.findings.clone();
    if chain.lines == 0 && head > 0 {
        findings.push(Finding::NoCheckpoints);
    }
    let mut walk = Walk::new(chain.roots, head);
    snapshot
        .execute(concat!(
            "declare log no scroll cursor for select ",
            leaf_columns!(),
            " from events order by position"
        ))
        .await
        .context("cannot read the log")?;
    loop {
        let rows = sqlx::query(&format!("fetch {PAGE} from log"))
            .fetch_all(&mut *snapshot)
            .await
            .context("cannot read the log")?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            walk.event(&Leaf::read(row)?, &mut snapshot).await?;
        }
        progress(walk.position(), head.max(sealed));
    }
    findings.extend(walk.end(&mut snapshot).await?);
    findings.extend(sequences(&mut snapshot).await?);
    findings.extend(unsealed(&mut snapshot, sealed, head).await?);
    Ok(Report {
        head,
        sealed,
        checkpoints: chain.lines,
        findings,
    })
}

/// In each stream, sequences rise by one, and positions with them.
async fn sequences(connection: &mut PgConnection) -> Result<Vec<Finding>> {
    let at: Vec<i64> = sqlx::query_scalar(
        "select position from (
            select position, sequence, lag(position, 1, 0::bigint) over stream as position_before,
                   lag(sequence, 1, 0::bigint) over stream as sequence_before
            from events window stream as (partition by aggregate_type, aggregate_id order by sequence)
         ) as events
         where sequence <> sequence_before + 1 or position <= position_before
         order by position limit $1",
    )
    .bind(TOLD)
    .fetch_all(connection)
    .await
    .context("cannot check the streams")?;
    Ok(at.into_iter().map(|at| Finding::Sequence { at }).collect())
}

/// The last second's events are sealed any moment; older ones should have been.
async fn unsealed(
    connection: &mut PgConnection,
    sealed: i64,
    head: i64,
) -> Result<Option<Finding>> {
    let old = sqlx::query(
        "select max(position) as last from events
         where position > $1 and position <= $2 and recorded_at < now() - interval '1 minute'",
    )
    .bind(sealed)
    .bind(head)
    .fetch_one(connection)
    .await
    .context("cannot check the end of the log")?;
    let last: Option<i64> = old.try_get("last")?;
    Ok(last.map(|through| Finding::Unsealed {
        from: sealed + 1,
        through,
    }))
}
