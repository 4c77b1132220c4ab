//! What can be said of the image without building it: the versions, and that nothing is missing that the build reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::file::{root, text};

fn instructions(keyword: &str) -> Vec<String> {
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let lines = dockerfile.lines();
    lines
        .filter_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn it_is_built_by_the_project_s_compiler_and_runs_as_nobody() {
    let toolchain = text("rust-toolchain.toml");
    let version = toolchain
        .split('"')
        .nth(1)
        .expect("channel is the first value");
    let from = instructions("FROM");
    let [build, run] = &from[..] else {
        panic!("{from:?}");
    };
    assert_eq!(*build, format!("rust:{version}-trixie AS build"));
    assert!(
        run.starts_with("debian:trixie-2"),
        "not the C library that it was linked against: {run}"
    );
    assert_eq!(instructions("USER"), ["10001:10001"]);
    assert_eq!(instructions("ENTRYPOINT"), [r#"["mart"]"#]);
    assert_eq!(instructions("CMD"), [r#"["up"]"#]);
    let health = instructions("HEALTHCHECK");
    assert!(health[0].ends_with(r#"CMD ["mart", "health"]"#));
    assert!(instructions("RUN")[0].contains("cargo build --release --locked"));
}

/// The patterns of .dockerignore that are used there: `*`, `!folder`, `*/name`, `folder/name` and `**/*.end`.
fn is_left_out(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let matches = |pattern: &str| {
        if let Some(name) = pattern.strip_prefix("**/") {
            let (start, end) = name.split_once('*').expect("a star");
            return parts
                .iter()
                .any(|part| part.starts_with(start) && part.ends_with(end));
        }
        let words: Vec<_> = pattern.split('/').collect();
        words.len() <= parts.len()
            && words
                .iter()
                .zip(&parts)
                .all(|(word, part)| *word == "*" || word == part)
    };
    let mut left_out = false;
    for line in text(".dockerignore").lines() {
        match line.strip_prefix('!') {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some(pattern) if matches(pattern) => left_out = false,
            None if matches(line) => left_out = true,
            _ => {}
        }
    }
    left_out
}

/// Every file that the build sees, relative to the top.
fn context() -> BTreeSet<PathBuf> {
    let root = root();
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).expect("it is there") {
            let entry = entry.expect("it is there");
            let path = folder.join(entry.file_name());
            if is_left_out(&path) {
                continue;
            }
            if entry.file_type().expect("of some kind").is_dir() {
                folders.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}

/// The platform of this machine, as the compiler calls it.
fn host() -> String {
    let told = Command::new("rustc").arg("-vV").output();
    let told = String::from_utf8(told.expect("rustc runs").stdout).expect("text");
    let mut lines = told.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_owned()
}

#[test]
fn the_build_sees_what_it_reads_and_no_more() {
    let context = context();
    let here = tempfile::tempdir().expect("a folder");
    for path in &context {
        let copy = here.path().join(path);
        std::fs::create_dir_all(copy.parent().expect("below the folder")).expect("ours");
        std::fs::copy(root().join(path), copy).expect("ours");
    }
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        // Only what was downloaded to build this test.
        .args(["--filter-platform", &host()])
        .current_dir(here.path())
        .output()
        .expect("cargo runs");
    assert!(
        metadata.status.success(),
        "{}",
        String::from_utf8_lossy(&metadata.stderr)
    );

    let mut read = 0;
    for path in context.iter().filter(|path| is_source(path)) {
        let source = std::fs::read_to_string(here.path().join(path)).expect("ours");
        for (named, beside) in named_in(&source) {
            let folder = if beside {
                path.parent().expect("a folder").to_owned()
            } else {
                PathBuf::from(path.iter().next().expect("a crate"))
            };
            let wanted = here.path().join(folder).join(named);
            assert!(wanted.exists(), "{} reads {named}", path.display());
            read += 1;
        }
    }
    assert!(read >= 8, "{read} files: is the search still right?");
    for needless in [".env", ".git", "target", "data", "README.md", "mart/tests"] {
        let held = context.iter().any(|path| path.starts_with(needless));
        assert!(!held, "{needless} is sent to the builder");
    }
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "rs")
        && !path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
}

/// Files that the compiler reads on the word of a source: beside it, or relative to its crate.
fn named_in(source: &str) -> impl Iterator<Item = (&str, bool)> {
    let marks = [
        ("include_str!(\"", true),
        ("include_bytes!(\"", true),
        ("migrate!(\"", false),
    ];
    marks.into_iter().flat_map(move |(mark, beside)| {
        let rests = source.split(mark).skip(1);
        rests.filter_map(move |rest| Some((rest.split_once('"')?.0, beside)))
    })
}
