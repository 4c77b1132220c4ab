//! The README's walk through the shop, as somebody types it.

use std::path::Path;
use std::process::Command;

use crate::readme::walk_through;

/// Its blocks, in order, as one script.
pub fn walk() -> String {
    let part = walk_through();
    let blocks: Vec<_> = part
        .split("```bash\n")
        .skip(1)
        .map(|block| block.split("```").next().expect("a block"))
        .collect();
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    blocks.join("\n")
}

/// Runs a script in a folder that has a `.curlrc`; what it says.
pub fn bash(folder: &Path, script: &str) -> String {
    let ran = Command::new("bash")
        .args(["-euc", script])
        .env("CURL_HOME", folder)
        .current_dir(folder)
        .output()
        .expect("bash and curl are there");
    assert!(
        ran.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).expect("text")
}
