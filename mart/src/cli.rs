//! The commands, as they are typed.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use projectors::relay::Republished;
use service::{Settings, Signals, settings::Origins, telemetry};
use tokio_util::sync::CancellationToken;

use crate::{
    Role,
    audit::{self, Audit},
    config, health_check, mirror, projections, rebuild, say, user, verify,
};

/// Online Mart: a whole shop in one process, on a Postgres of its own.
///
/// Without a command it does what `mart up` does: it starts everything, prints where the seven services are, then `ready`,
/// and runs until it is told to stop (Ctrl-C or SIGTERM).
#[derive(Debug, Parser)]
#[command(name = "mart", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What shall be done.
    #[command(subcommand)]
    pub errand: Option<Errand>,
}

const AFTER_HELP: &str = "\
Every setting is a flag, an environment variable, or (in the dev profile) a line in .env; the first of these wins.

Exit codes: 0 all well, 1 it did not work, 2 not understood, 78 a setting is wrong.";

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Errand {
    /// Run the shop
    Up(Up),
    /// Give a user a role, or take it away; it applies from the next login or refresh
    #[command(subcommand)]
    User(UserErrand),
    /// Make read models anew from the log, beside the live ones, which serve meanwhile
    Rebuild(rebuild::Rebuild),
    /// Show how far each read model is
    Projections,
    /// The audit trail
    #[command(subcommand)]
    Audit(Audit),
    /// Compare the read models, the mirror in Kafka, and the sums of stock and money with the log
    Verify(verify::Verify),
    /// The mirror in Kafka
    #[command(subcommand)]
    Relay(RelayErrand),
    /// Ask the shop that runs with these settings on this machine whether it is ready
    Health,
    /// Show every setting, where its value came from, and the value
    Config,
}

/// Which parts of the shop.
#[derive(Debug, Default, Args)]
pub struct Up {
    /// Only these parts of it, for a shop that runs in several processes [default: all]
    #[arg(
        long = "role",
        value_name = "ROLE,…",
        value_delimiter = ',',
        value_enum
    )]
    pub roles: Vec<Role>,
}

/// What about users.
#[derive(Debug, Subcommand)]
pub enum UserErrand {
    /// Give the user the role
    Grant(user::RoleOf),
    /// Take the role from the user
    Revoke(user::RoleOf),
}

/// What about the mirror.
#[derive(Debug, Subcommand)]
pub enum RelayErrand {
    /// Publish the log again: for topics that were lost, or deleted to fill them anew
    Republish(mirror::Republish),
}

impl Default for Errand {
    fn default() -> Self {
        Self::Up(Up::default())
    }
}

impl Errand {
    /// Does what an operator asks for. Running the shop is `main`'s.
    pub async fn run(self, settings: &Settings, origins: &Origins) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(_) => anyhow::bail!("the shop is run by its program alone"),
            Self::User(UserErrand::Grant(who)) => {
                user::grant(settings, &who).await?;
                let (name, role) = (who.name, who.role);
                say(&format!(
                    "{name} has the role {role} from the next login or refresh on"
                ));
            }
            Self::User(UserErrand::Revoke(who)) => {
                user::revoke(settings, &who).await?;
                let (name, role) = (who.name, who.role);
                say(&format!(
                    "{name} has no role {role} from the next login or refresh on"
                ));
            }
            Self::Rebuild(what) => {
                return rebuild::run(settings, &what, &signals(settings)?).await;
            }
            Self::Projections => say(&projections::table(settings).await?),
            Self::Audit(what) => return audit::run(settings, &what, &signals(settings)?).await,
            Self::Verify(what) => return verify::run(settings, &what, &signals(settings)?).await,
            Self::Relay(RelayErrand::Republish(what)) => {
                let republished = mirror::republish(settings, &what, &signals(settings)?).await?;
                let Republished { position, head } = republished;
                say(&format!(
                    "published again: positions {} to {position}",
                    what.from + 1
                ));
                anyhow::ensure!(position >= head, "cut short before position {head}");
            }
            Self::Health => {
                health_check::ask(settings).await?;
                say("ready");
            }
            Self::Config => say(config::table(settings, origins)?.trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Told when a long errand shall end. It says itself how it goes; the log is for what went wrong.
fn signals(settings: &Settings) -> anyhow::Result<CancellationToken> {
    telemetry::init(settings.profile, tracing::Level::WARN);
    Ok(Signals::install()?)
}
