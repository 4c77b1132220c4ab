//! A bar on the terminal for what takes a while; where standard error is no terminal, nothing.

use indicatif::{ProgressBar, ProgressStyle};

/// So many events of so many, of one thing.
pub(crate) fn events(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{msg:14} {bar:40} {pos} of {len} events, {per_sec}, {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(what.to_owned());
    bar
}

/// Shows how far it is.
pub(crate) fn show(bar: &ProgressBar, done: i64, of: i64) {
    bar.set_length(u64::try_from(of).unwrap_or(0));
    bar.set_position(u64::try_from(done).unwrap_or(0));
}
