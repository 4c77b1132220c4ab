//! Keys that sign tokens. They are made at run time: one that stood in a test would be one that the repository shows.

/// A key that `prod` takes, another one each time.
pub fn strong() -> String {
    let half = || rand::random::<u128>();
    format!("{:032x}{:032x}", half(), half())
}
