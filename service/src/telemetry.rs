//! Where log lines go. They hold names and ids, never bodies, addresses or tokens.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::Profile;

/// Starts logging to standard error: text under `dev`, JSON lines under `prod`. `RUST_LOG` is honoured;
/// where it says nothing, `least` is the least that is told.
/// A second call changes nothing.
pub fn init(profile: Profile, least: Level) {
    let filter = EnvFilter::builder()
        .with_default_directive(least.into())
        .from_env_lossy();
    let registry = tracing_subscriber::registry().with(filter);
    let started = match profile {
        Profile::Dev => {
            let text = fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal());
            registry.with(text).try_init()
        }
        Profile::Prod => {
            let json = fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(io::stderr);
            registry.with(json).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
}
