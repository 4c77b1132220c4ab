//! What the program tells on standard output.

use std::io::Write;

/// One line; it matters to nobody when nobody listens.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _written = writeln!(out, "{line}").and_then(|()| out.flush());
}
