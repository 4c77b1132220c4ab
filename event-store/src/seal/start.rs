//! Taking up sealing: tables, files and key must agree on where it ended.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::Files;
use super::key::PublicKey;
use super::refusal::Refusal;
use super::tables::{self, Growing};

/// The latest checkpoint, which is the last one of the files by then.
pub(crate) async fn agree(
    connection: &mut PgConnection,
    files: &mut Files,
    log: Uuid,
    key: &PublicKey,
) -> Result<Option<(Checkpoint, String)>> {
    let end = files.end()?;
    let latest = tables::latest(connection).await?;
    let last = match &end.last {
        Some(line) => Some(ours(line, log, key)?),
        None => None,
    };
    let Some((checkpoint, line)) = latest else {
        return match (last, end.torn) {
            (Some(last), _) => Err(Refusal::FilesKnowMore {
                files: last.size,
                database: 0,
            }
            .into()),
            (None, Some(_)) => Err(Refusal::Torn.into()),
            (None, None) => {
                forget(connection).await?;
                Ok(None)
            }
        };
    };
    if last.is_none() && end.torn.is_none() && checkpoint.key != *key {
        return Err(Refusal::SealedElsewhere(checkpoint.size, checkpoint.key.to_string()).into());
    }
    if end.last.as_ref() != Some(&line) {
        if !checkpoint.follows(end.last.as_deref()) {
            return Err(match last {
                Some(last) if last.size > checkpoint.size => Refusal::FilesKnowMore {
                    files: last.size,
                    database: checkpoint.size,
                },
                _ => Refusal::FilesLack(checkpoint.size),
            }
            .into());
        }
        match &end.torn {
            Some((file, begun)) => {
                let rest = line.strip_prefix(begun.as_str()).ok_or(Refusal::Torn)?;
                files.complete(file, rest).await?;
            }
            None => files.append(&checkpoint, &line).await?,
        }
        tracing::info!(
            position = checkpoint.size,
            "wrote the checkpoint that a crash had kept out of the files"
        );
    } else if end.torn.is_some() {
        return Err(Refusal::Torn.into());
    }
    Ok(Some((checkpoint, line)))
}

fn ours(line: &str, log: Uuid, key: &PublicKey) -> Result<Checkpoint, Refusal> {
    let checkpoint: Checkpoint = serde_json::from_str(line).map_err(|_| Refusal::NotOurs)?;
    let ours = checkpoint.log == log && checkpoint.key == *key && checkpoint.is_signed();
    if ours {
        Ok(checkpoint)
    } else {
        Err(Refusal::NotOurs)
    }
}

/// Sealing begins with the first event.
async fn forget(connection: &mut PgConnection) -> Result<()> {
    let mut transaction = connection.begin().await?;
    for table in ["delete from seal", "delete from seal_checkpoint"] {
        sqlx::query(table).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// The tree that was signed.
pub(crate) async fn tree(
    connection: &mut PgConnection,
    checkpoint: &Checkpoint,
    head: i64,
) -> Result<Growing> {
    if head < checkpoint.size {
        return Err(Refusal::CutTail(head, checkpoint.size).into());
    }
    let tree = Growing::read(connection).await?;
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root) {
        return Err(Refusal::TablesChanged(checkpoint.size).into());
    }
    Ok(tree)
}
