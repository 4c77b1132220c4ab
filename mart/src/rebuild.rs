//! `mart rebuild`: read models made anew from the log, beside the live ones.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Args;
use event_store::Log;
use projectors::{
    Projection, ReadDatabases, projections,
    rebuild::{self, RebuildError, Rebuilding},
};
use service::Settings;
use tokio_util::sync::CancellationToken;

use crate::{bar, errand, say};

/// Which projections, and which way.
#[derive(Debug, Clone, Args)]
pub struct Rebuild {
    /// Names, as `mart projections` tells them [default: all]
    #[arg(value_name = "PROJECTION")]
    pub projections: Vec<String>,
    /// Go back to the tables that the last rebuild replaced, after they have caught up
    #[arg(long, conflicts_with_all = ["drop_previous", "cancel"])]
    pub back: bool,
    /// Drop the tables that the last rebuild replaced
    #[arg(long, conflicts_with = "cancel")]
    pub drop_previous: bool,
    /// Stop a rebuild, whichever process works on it
    #[arg(long)]
    pub cancel: bool,
}

/// Rebuilds one after another; what `signalled` interrupts goes on with the next rebuild.
pub async fn run(
    settings: &Settings,
    what: &Rebuild,
    signalled: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let chosen = chosen(&what.projections)?;
    let all = what.projections.is_empty();
    errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        let databases = servers.read_models(settings).await?;
        projectors::check(&log, &databases).await?;
        for projection in chosen {
            let name = projection.name();
            let done = if what.cancel {
                rebuild::cancel(&databases, projection)
                    .await
                    .map(|()| say(&format!("{name}: its rebuild is told to stop")))
            } else if what.drop_previous {
                rebuild::drop_previous(&databases, projection)
                    .await
                    .map(|()| say(&format!("{name}: the previous tables are dropped")))
            } else {
                let way = if what.back { Way::Back } else { Way::Anew };
                one(&log, &databases, projection, way, signalled).await
            };
            match done {
                // Who asks of all of them means those of which there is something.
                Err(nothing @ (RebuildError::NothingRunning(_) | RebuildError::NoPrevious(_)))
                    if all =>
                {
                    say(&nothing.to_string());
                }
                done => done?,
            }
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Which tables are to become the live ones.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Anew,
    Back,
}

/// Rebuilds this one and says so, with a bar meanwhile.
pub(crate) async fn one(
    log: &Log,
    databases: &ReadDatabases,
    projection: &'static dyn Projection,
    way: Way,
    stop: &CancellationToken,
) -> Result<(), RebuildError> {
    let name = projection.name();
    let bar = bar::events(name);
    let progress = |so_far: Rebuilding| bar::show(&bar, so_far.position, so_far.head);
    let rebuilt = match way {
        Way::Anew => rebuild::rebuild(log, databases, projection, &progress, stop).await,
        Way::Back => rebuild::go_back(log, databases, projection, &progress, stop).await,
    };
    bar.finish_and_clear();
    let rebuilt = rebuilt?;
    let what = match way {
        Way::Anew => "rebuilt from the log",
        Way::Back => "back at its previous tables",
    };
    say(&format!("{name}: {what}, at position {}", rebuilt.position));
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static dyn Projection>> {
    if names.is_empty() {
        return Ok(projections().into());
    }
    let known: Vec<_> = projections().iter().map(|p| p.name()).collect();
    let mut chosen: Vec<&'static dyn Projection> = Vec::new();
    for name in names {
        let found = rebuild::projection(name)
            .map_err(|unknown| anyhow!("{unknown}; there are {}", known.join(", ")))?;
        if chosen.iter().all(|one| one.name() != found.name()) {
            chosen.push(found);
        }
    }
    Ok(chosen)
}
