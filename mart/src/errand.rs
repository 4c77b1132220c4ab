//! What every errand of the operator needs: the databases of the shop that runs on the data directory, or of its Postgres,
//! started for the errand alone.

use std::time::Duration;

use service::Settings;
use tokio::time::Instant;

use crate::{
    databases::{STOPPING, Servers},
    waiting::Waiting,
};

/// A shop that is just starting or stopping has its data directory locked but no server that could be joined.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does something with the databases, and leaves none running that was not before.
pub(crate) async fn on_servers<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Servers) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let servers = servers(settings).await?;
    let done = work(&servers).await;
    let stopped = servers.stop(STOPPING).await;
    let done = done?;
    stopped?;
    Ok(done)
}

async fn servers(settings: &Settings) -> anyhow::Result<Servers> {
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
