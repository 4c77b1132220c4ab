//! A migrated database to copy from, for each set of migrations.

use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use super::server::TestServer;

/// The template's name; it is made when no test of this server has made it yet.
pub(super) async fn prepared(
    server: &TestServer,
    admin: &mut PgConnection,
    migrator: &Migrator,
) -> Result<String, sqlx::Error> {
    let fingerprint = fingerprint(migrator);
    let name = format!("template_{fingerprint:016x}");
    if exists(admin, &name).await? {
        return Ok(name);
    }
    // The lock goes with the connection, also when the test ends in the middle.
    sqlx::query("select pg_advisory_lock($1)")
        .bind(fingerprint.cast_signed())
        .execute(&mut *admin)
        .await?;
    if !exists(admin, &name).await? {
        admin
            .execute(format!("drop database if exists {name} with (force)").as_str())
            .await?;
        admin
            .execute(format!("create database {name}").as_str())
            .await?;
        let mut template = server.address.options(&name).connect().await?;
        migrator.run(&mut template).await?;
        template.close().await?;
        let finished = format!("alter database {name} is_template true allow_connections false");
        admin.execute(finished.as_str()).await?;
    }
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(fingerprint.cast_signed())
        .execute(&mut *admin)
        .await?;
    Ok(name)
}

/// A template that is still being made is not marked as one.
async fn exists(admin: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_database where datname = $1 and datistemplate)",
    )
    .bind(name)
    .fetch_one(admin)
    .await
}

fn fingerprint(migrator: &Migrator) -> u64 {
    let mut hash = Sha256::new();
    for migration in migrator.iter() {
        hash.update(migration.version.to_le_bytes());
        hash.update(&migration.checksum);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
