//! compose.yml as Compose reads it: anchors merged, variables filled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The whole file, with these variables and otherwise its own defaults.
pub struct Compose(Value);

/// One of its services.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub all: Value,
}

impl Compose {
    pub fn read(variables: &[(&str, &str)]) -> Self {
        let mut read: yaml_serde::Value =
            yaml_serde::from_str(&text("compose.yml")).expect("it is YAML");
        // What is merged in may have something to merge in itself.
        for _ in 0..3 {
            read.apply_merge().expect("its anchors are mappings");
        }
        let mut all = serde_json::to_value(read).expect("all keys are words");
        fill_in(&mut all, variables);
        Self(all)
    }

    pub fn services(&self) -> Vec<Service> {
        let services = self.0["services"].as_object().expect("services");
        services
            .iter()
            .map(|(name, all)| Service {
                name: name.clone(),
                all: all.clone(),
            })
            .collect()
    }

    /// Those that run our program.
    pub fn ours(&self) -> Vec<Service> {
        let mut services = self.services();
        services.retain(|service| !service.all["build"].is_null());
        services
    }

    pub fn service(&self, name: &str) -> Service {
        let all = self.0["services"][name].clone();
        assert!(all.is_object(), "there is no {name}");
        Service {
            name: name.to_owned(),
            all,
        }
    }
}

impl Service {
    pub fn environment(&self) -> BTreeMap<String, String> {
        let Some(environment) = self.all["environment"].as_object() else {
            return BTreeMap::new();
        };
        environment
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect()
    }

    pub fn words(&self, what: &str) -> Vec<String> {
        let words = self.all.pointer(what).and_then(Value::as_array);
        words
            .unwrap_or_else(|| panic!("{}: {what} is no list", self.name))
            .iter()
            .map(plain)
            .collect()
    }

    pub fn replicas(&self) -> u64 {
        self.all["deploy"]["replicas"].as_u64().unwrap_or(1)
    }

    /// Address, port outside, port inside.
    pub fn published(&self) -> Vec<(String, u16, u16)> {
        if self.all["ports"].is_null() {
            return Vec::new();
        }
        self.words("/ports")
            .iter()
            .map(|port| {
                let parts: Vec<_> = port.split(':').collect();
                let number = |part: &str| part.parse().expect("a port");
                match parts[..] {
                    [address, outside, inside] => {
                        (address.to_owned(), number(outside), number(inside))
                    }
                    _ => panic!("{}: {port} names no address", self.name),
                }
            })
            .collect()
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn fill_in(value: &mut Value, variables: &[(&str, &str)]) {
    match value {
        Value::String(text) => *text = filled_in(text, variables),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| fill_in(value, variables)),
        Value::Object(values) => values
            .values_mut()
            .for_each(|value| fill_in(value, variables)),
        _ => {}
    }
}

/// `${NAME:-default}` and `$$`; everything else after a dollar is a mistake here.
fn filled_in(text: &str, variables: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled += before;
        rest = if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            after
        } else {
            let (variable, after) = after
                .strip_prefix('{')
                .and_then(|after| after.split_once('}'))
                .unwrap_or_else(|| panic!("a dollar that stands for nothing: {text}"));
            let (name, default) = variable
                .split_once(":-")
                .unwrap_or_else(|| panic!("{variable} has no default"));
            let given = variables.iter().find(|(given, _)| *given == name);
            filled += given.map_or(default, |(_, value)| value);
            after
        };
    }
    filled + rest
}

/// The names of the variables that a user may set.
pub fn variables() -> Vec<String> {
    let text = text("compose.yml");
    let names = text.split("${").skip(1);
    let mut names: Vec<_> = names
        .filter_map(|rest| Some(rest.split_once(":-")?.0.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn variables_are_filled_in_as_compose_does() {
    for (text, filled) in [
        ("a${B:-c}d", "acd"),
        ("${A:-x}.10", "1.10"),
        ("$$side", "$side"),
        ("$${A:-x}", "${A:-x}"),
        ("${B:-}", ""),
    ] {
        assert_eq!(filled_in(text, &[("A", "1")]), filled);
    }
}
