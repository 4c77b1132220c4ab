//! Who may know whom: the workspace's own dependencies, as DESIGN's picture has them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each crate's direct dependencies within the workspace, tests' ones left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let packages = told["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    packages
        .iter()
        .map(|package| {
            let direct = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let direct = direct
                .filter(|d| d["kind"].is_null())
                .map(name)
                .filter(|d| ours.contains(d));
            (name(package), direct.collect())
        })
        .collect()
}

#[test]
fn each_crate_knows_only_whom_it_may() {
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("domain", &[] as &[&str]),
        ("proto", &[]),
        ("embedded-postgres", &[]),
        ("service", &[]),
        ("event-store", &["domain", "proto"]),
        ("write-api", &["domain", "event-store", "proto", "service"]),
        ("projectors", &["event-store", "proto", "service"]),
        (
            "read-api",
            &["event-store", "projectors", "proto", "service"],
        ),
        (
            "mart",
            &[
                "domain",
                "embedded-postgres",
                "event-store",
                "projectors",
                "read-api",
                "service",
                "write-api",
            ],
        ),
    ]);
    let known = dependencies();
    assert_eq!(
        known.keys().map(String::as_str).collect::<Vec<_>>(),
        may.keys().copied().collect::<Vec<_>>()
    );
    for (krate, knows) in known {
        for other in knows {
            assert!(
                may[krate.as_str()].contains(&other.as_str()),
                "{krate} knows {other}"
            );
        }
    }
}
