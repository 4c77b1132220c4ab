//! `mart user grant` and `revoke`: roles, as events like all else.

use anyhow::Context;
use clap::Args;
use event_store::EventStore;
use service::Settings;

use crate::{
    databases::{STOPPING, Servers},
    errand,
};

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

async fn open(settings: &Settings) -> anyhow::Result<(EventStore, Servers)> {
    let servers = errand::servers(settings).await?;
    let pool = servers.event_store(settings).await?;
    Ok((EventStore::open(pool).await?, servers))
}
