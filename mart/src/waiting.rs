//! What the start is waiting for, for whoever watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Told what is being waited for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Waiting(ProgressBar);

impl Waiting {
    /// A line on standard error that changes while the start goes on; where that is no terminal, nothing.
    #[must_use]
    pub fn on_terminal() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Nobody watches.
    #[must_use]
    pub fn unseen() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Says what is being waited for.
    pub fn for_(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// It is over: the line goes, so that others can be printed.
    pub fn done(&self) {
        self.0.finish_and_clear();
    }
}

/// The pauses between tries to reach something that is not there yet: longer and longer, and told once.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    awaited: Option<String>,
    last: Duration,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(3);

    /// One pause.
    pub(crate) async fn wait_for(&mut self, what: &str, why: &impl std::fmt::Display) {
        if self.awaited.is_none() {
            tracing::warn!(error = %why, "waiting for {what}");
            self.awaited = Some(what.to_owned());
        }
        self.last = (self.last * 2).clamp(Self::FIRST, Self::LONGEST);
        tokio::time::sleep(self.last).await;
    }

    /// It is there.
    pub(crate) fn over(self) {
        if let Some(what) = self.awaited {
            tracing::info!("{what} answers");
        }
    }
}
