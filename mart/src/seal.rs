//! Who seals the log: the process that writes it.

use anyhow::Context;
use event_store::{
    Log,
    seal::{Sealer, SigningKey},
};
use service::Settings;
use tokio_util::sync::CancellationToken;

use crate::databases::audit_dir;

/// The sealer of this log, with the audit folder's key, which is made where there is none.
pub(crate) fn sealer(settings: &Settings, log: &Log) -> anyhow::Result<Sealer> {
    let folder = audit_dir(settings)?;
    let key = SigningKey::read_or_make(&folder)
        .with_context(|| format!("MART_AUDIT_DIR: can't seal in {}", folder.display()))?;
    Ok(Sealer::new(log, folder, key))
}

/// Seals what an errand has written, unless a shop that runs does, or the shop seals elsewhere.
pub(crate) async fn now(settings: &Settings, log: &Log) -> anyhow::Result<()> {
    if settings.audit_sealing && audit_dir(settings)?.join("signing.key").exists() {
        let once = CancellationToken::new();
        once.cancel();
        sealer(settings, log)?.run(once).await;
    }
    Ok(())
}
