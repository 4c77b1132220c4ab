//! `mart user grant` and `revoke`: roles, as events like all else.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use event_store::EventStore;
use service::Settings;
use tokio::time::Instant;

use crate::{
    databases::{STOPPING, Servers},
    waiting::Waiting,
};

/// A shop that is just starting or stopping has its data directory locked but no server that could be joined.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who, and which role.
#[derive(Debug, Clone, Args)]
pub struct RoleOf {
    /// The user's name, in any spelling that logs in
    pub name: String,
    /// The role
    #[arg(value_parser = ["admin"])]
    pub role: String,
}

/// Gives the role; the user keeps it over restarts, because it is an event of the account.
pub async fn grant(settings: &Settings, who: &RoleOf) -> anyhow::Result<()> {
    let (store, servers) = open(settings).await?;
    let granted = write_api::grant(&store, &who.name, &who.role).await;
    drop(store);
    let stopped = servers.stop(STOPPING).await;
    granted.with_context(|| format!("can't give {} the role {}", who.name, who.role))?;
    stopped
}

/// Takes the role away.
pub async fn revoke(settings: &Settings, who: &RoleOf) -> anyhow::Result<()> {
    let (store, servers) = open(settings).await?;
    let revoked = write_api::revoke(&store, &who.name, &who.role).await;
    drop(store);
    let stopped = servers.stop(STOPPING).await;
    revoked.with_context(|| format!("can't take the role {} from {}", who.role, who.name))?;
    stopped
}

/// The event store of the shop that runs on the data directory, or of its Postgres, started for us.
async fn open(settings: &Settings) -> anyhow::Result<(EventStore, Servers)> {
    let servers = join_or_start(settings).await?;
    let pool = servers.event_store(settings).await?;
    event_store::MIGRATOR
        .run(&pool)
        .await
        .context("can't prepare the event store")?;
    Ok((EventStore::open(pool).await?, servers))
}

async fn join_or_start(settings: &Settings) -> anyhow::Result<Servers> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(servers) = Servers::join(settings)? {
            return Ok(servers);
        }
        match Servers::start(settings, &Waiting::unseen()).await {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            started => return started,
        }
    }
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(embedded_postgres::Error::InUse { .. })
    )
}
