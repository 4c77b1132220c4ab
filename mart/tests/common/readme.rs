//! The README's walk through the shop.

/// All of it: text, and blocks of bash.
pub fn walk_through() -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))
        .expect("it is there");
    let (_, rest) = readme
        .split_once("<!-- walk-through: begin -->")
        .expect("a beginning");
    let (part, _) = rest
        .split_once("<!-- walk-through: end -->")
        .expect("an end");
    part.to_owned()
}
