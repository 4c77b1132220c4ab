//! What the read side may know.

use std::fs;
use std::path::Path;

#[test]
fn the_read_side_does_not_name_the_domain() {
    for name in ["projectors", "read-api"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let path = root.expect("the workspace").join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(path).expect("a manifest");
        let names_domain = |line: &&str| {
            let name = line.split(['.', '=', ' ']).next();
            name == Some("domain") || line.contains("\"domain\"")
        };
        let found = manifest.lines().find(names_domain);
        assert_eq!(found, None, "in the manifest of {name}");
    }
}
