//! `mart verify`: the log against the read models, the mirror in Kafka, and the sums of stock and money.

use std::process::ExitCode;

use clap::Args;
use event_store::Log;
use projectors::verify::{Checking, Report, verify};
use service::Settings;
use tokio_util::sync::CancellationToken;

use crate::{
    bar, errand, mirror,
    rebuild::{Way, one},
    say,
};

/// What to do with what differs.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// Rebuild the read models that differ from the log, and look again
    #[arg(long)]
    pub repair: bool,
}

/// Says what differs, a line each; the exit code is 1 where something does, after the repair if there is one.
pub async fn run(
    settings: &Settings,
    what: &Verify,
    signalled: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let kafka = mirror::kafka(settings);
    errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        let databases = servers.read_models(settings).await?;
        let look = async || {
            let bar = bar::events("verify");
            let progress = |checking| match checking {
                Checking::Folding(at, of) => bar::show(&bar, at, of),
                Checking::Comparing(name) => bar.set_message(name),
                Checking::Summing => bar.set_message("sums"),
                Checking::Mirror(done, of) => {
                    bar.set_message("mirror");
                    bar::show(&bar, done, of);
                }
            };
            let report = verify(&log, &databases, kafka.as_ref(), signalled, progress).await;
            bar.finish_and_clear();
            report.inspect(tell)
        };
        let mut report = look().await?;
        let differing = report.projections();
        if what.repair && !differing.is_empty() {
            for projection in differing {
                one(&log, &databases, projection, Way::Anew, signalled).await?;
            }
            report = look().await?;
        }
        Ok(if report.is_well() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
    .await
}

fn tell(report: &Report) {
    for difference in &report.differences {
        say(&difference.to_string());
    }
    if report.is_well() {
        say(&format!(
            "all is well: read models and sums agree with the log up to position {}",
            report.head
        ));
    } else if report.mirror_differs() {
        say("`mart relay republish` fills the mirror in Kafka anew");
    }
}
