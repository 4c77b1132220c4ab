//! What differs between two moments of one thing.

use std::{process::ExitCode, str::FromStr};

use anyhow::Context;
use clap::Args;
use event_store::Log;
use read_api::at::{self, Aggregate, Moment};
use service::Settings;
use uuid::Uuid;

use crate::{errand, say};

/// Of what, and between which moments.
#[derive(Debug, Clone, Args)]
pub struct Diff {
    /// product, stock, order, payment or account
    #[arg(value_parser = aggregate)]
    pub aggregate: Aggregate,
    /// Its id
    pub id: Uuid,
    /// A version, or a time (RFC 3339)
    #[arg(value_parser = moment)]
    pub from: Moment,
    /// A version, or a time (RFC 3339)
    #[arg(value_parser = moment)]
    pub to: Moment,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(settings: &Settings, what: &Diff) -> anyhow::Result<ExitCode> {
    let diff = errand::on_servers(settings, async |servers| {
        let log = Log::open(servers.event_store(settings).await?);
        at::diff(&log, what.aggregate, what.id, what.from, what.to).await
    });
    let name = what.aggregate.name();
    let diff = diff
        .await?
        .with_context(|| format!("there is no {name} {} at these moments", what.id))?;
    if what.json {
        say(&serde_json::to_string_pretty(&diff)?);
        return Ok(ExitCode::SUCCESS);
    }
    for field in &diff.fields {
        say(&format!(
            "{}: {} -> {}",
            field.name, field.before, field.after
        ));
    }
    for event in &diff.events {
        say(&format!(
            "  position {} {} {} {} by {}",
            event.position,
            event.recorded_at.to_rfc3339(),
            event.aggregate_type,
            event.event_type,
            event.actor,
        ));
    }
    if diff.more {
        say("  and more events");
    }
    if diff.fields.is_empty() {
        say("nothing differs");
    }
    Ok(ExitCode::SUCCESS)
}

fn aggregate(text: &str) -> Result<Aggregate, &'static str> {
    Aggregate::from_str(text).map_err(|_| "must be product, stock, order, payment or account")
}

fn moment(text: &str) -> Result<Moment, &'static str> {
    Moment::from_str(text).map_err(|_| "must be a version (1, 2, 3, …) or a time (RFC 3339)")
}
