//! `mart projections`: how far each read model is, and whether it is being rebuilt.

use anyhow::Context;
use event_store::Log;
use projectors::{
    projections,
    rebuild::{self, Status},
};
use service::Settings;

use crate::errand;

/// A line for each.
pub async fn table(settings: &Settings) -> anyhow::Result<String> {
    errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        let databases = servers.read_models(settings).await?;
        let mut lines = Vec::new();
        for projection in projections() {
            let known: Option<(i32, i64)> =
                sqlx::query_as("select version, position from checkpoint where projection = $1")
                    .bind(projection.name())
                    .fetch_optional(projection.database(&databases))
                    .await
                    .with_context(|| format!("can't read how far {} is", projection.name()))?;
            let (version, position) = known.unwrap_or((projection.version(), 0));
            let status = rebuild::status(&databases, projection).await?;
            lines.push((projection.name(), version, position, told(&status)));
        }
        // Read last, so that no position is ahead of it.
        let head = log.head().await?;
        let heading = format!(
            "{:<14}{:>8}{:>12}{:>10}",
            "projection", "version", "position", "lag"
        );
        let line = |(name, version, position, told): &(&str, i32, i64, String)| {
            let lag = head - position;
            format!("{name:<14}{version:>8}{position:>12}{lag:>10}{told}")
        };
        let lines = std::iter::once(heading).chain(lines.iter().map(line));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    })
    .await
}

fn told(status: &Status) -> String {
    let rebuild = status.rebuild.as_ref().map(|rebuild| {
        let what = if rebuild.back {
            "going back"
        } else {
            "rebuild"
        };
        let how = match (&rebuild.error, rebuild.running, rebuild.seconds_left) {
            (Some(error), ..) => format!(", ended: {error}"),
            (None, false, _) => ", interrupted".to_owned(),
            (None, true, Some(left)) => {
                let rate = rebuild.events_per_second;
                format!(", {rate:.0} events/s, {left:.0} s left")
            }
            (None, true, None) => String::new(),
        };
        format!("  {what} at {} of {}{how}", rebuild.position, rebuild.head)
    });
    let previous = status.previous.as_ref().map(|previous| {
        let (version, position) = (previous.version, previous.position);
        format!("  previous tables: version {version} at {position}")
    });
    [rebuild, previous].into_iter().flatten().collect()
}
