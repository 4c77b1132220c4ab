//! `mart user grant` and `revoke`: roles, as events like all else.

use anyhow::Context;
use clap::Args;
use event_store::EventStore;
use service::Settings;

use crate::{errand, seal};

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
    let granted = on_store(settings, async |store| {
        write_api::grant(&store, &who.name, &who.role).await
    });
    granted
        .await
        .with_context(|| format!("can't give {} the role {}", who.name, who.role))
}

/// Takes the role away.
pub async fn revoke(settings: &Settings, who: &RoleOf) -> anyhow::Result<()> {
    let revoked = on_store(settings, async |store| {
        write_api::revoke(&store, &who.name, &who.role).await
    });
    revoked
        .await
        .with_context(|| format!("can't take the role {} from {}", who.role, who.name))
}

async fn on_store(
    settings: &Settings,
    work: impl AsyncFnOnce(EventStore) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    errand::on_servers(settings, async |servers| {
        let store = EventStore::open(servers.event_store(settings).await?).await?;
        let log = store.log().clone();
        work(store).await?;
        seal::now(settings, &log).await
    })
    .await
}
