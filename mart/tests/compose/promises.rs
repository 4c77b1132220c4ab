//! What the file alone shows.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use clap::ValueEnum as _;
use mart::{DatabaseNames, Role};
use serde_json::Value;

use crate::file::{Compose, Service, text, variables};

/// What a user would set for production.
fn strong(seed: &str) -> String {
    format!("{seed}-{:032x}", rand::random::<u128>())
}

fn config(service: &Service) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mart"))
        .arg("config")
        .env_clear()
        .envs(service.environment())
        .current_dir("/")
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

#[test]
fn nobody_is_root_writes_to_the_image_or_stays_down() {
    for Service { name, all } in Compose::read(&[]).services() {
        let user = all["user"].as_str().expect("a user");
        assert!(
            !user.is_empty() && !user.starts_with("root") && !user.starts_with('0'),
            "{name} runs as {user}"
        );
        assert_eq!(all["read_only"], true, "{name} may write to its image");
        assert_eq!(all["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(
            all["security_opt"],
            serde_json::json!(["no-new-privileges:true"]),
            "{name}"
        );
        assert_eq!(all["restart"], "unless-stopped", "{name}");
        assert!(all["mem_limit"].is_string(), "{name} may take all memory");
        let health = &all["healthcheck"];
        for word in ["test", "interval", "timeout", "start_period"] {
            assert!(!health[word].is_null(), "{name}: no {word} of its health");
        }
    }
}

#[test]
fn images_are_pinned() {
    for Service { name, all } in Compose::read(&[]).services() {
        let image = all["image"].as_str().expect("an image");
        let tag = image.rsplit_once(':').map(|(_, tag)| tag);
        assert!(
            tag.is_some_and(|tag| tag != "latest"),
            "{name} runs some {image}"
        );
    }
}

/// Compose puts no `content` of a config into a container with a read-only file system, and ends instead.
#[test]
fn no_service_waits_for_a_config_that_can_t_be_written() {
    for Service { name, all } in Compose::read(&[]).services() {
        assert!(
            all["configs"].is_null() && all["secrets"].is_null(),
            "{name}"
        );
    }
}

#[test]
fn ports_are_published_to_this_machine_alone_and_are_the_readme_s() {
    let mut found = BTreeMap::new();
    for service in Compose::read(&[]).services() {
        for (address, outside, inside) in service.published() {
            assert_eq!(address, "127.0.0.1", "{}", service.name);
            let taken = found.insert(outside, (service.name.clone(), inside));
            assert_eq!(taken, None, "{outside}");
        }
    }
    let mut wanted = BTreeMap::new();
    for (name, ports) in [
        ("product-database", &[(5433, 5432)][..]),
        ("inventory-database", &[(5434, 5432)]),
        ("order-database", &[(5435, 5432)]),
        ("user-database", &[(5436, 5432)]),
        ("payment-database", &[(5437, 5432)]),
        ("event-store", &[(5438, 5432)]),
        ("notification-database", &[(5439, 5432)]),
        ("kafka", &[(9092, 9092)]),
        ("kafka-ui", &[(8080, 8080)]),
        ("mailpit", &[(1025, 1025), (8025, 8025)]),
    ] {
        wanted.extend(
            ports
                .iter()
                .map(|(outside, inside)| (*outside, (name.to_owned(), *inside))),
        );
    }
    wanted.extend((8000..=8006).map(|port| (port, ("proxy".to_owned(), port))));
    assert_eq!(found, wanted);

    let readme = text("README.md");
    let (_, section) = readme
        .split_once("## In containers")
        .expect("the README tells of containers");
    let section = section.split("\n## ").next().expect("something");
    for (port, (name, _)) in found {
        let told = (8001..=8004).contains(&port) || section.contains(&port.to_string());
        assert!(told, "the README does not say that {name} is at {port}");
    }
    for variable in variables() {
        let known = ["KAFKA_PARTITIONS", "MAIL_FROM", "RUST_LOG"];
        let told = known.contains(&variable.as_str())
            || variable.starts_with("GATEWAY_")
            || section.contains(&variable);
        assert!(told, "the README does not tell of {variable}");
    }
}

#[test]
fn only_what_is_for_looking_needs_a_profile() {
    let mut profiles = BTreeMap::new();
    for Service { name, all } in Compose::read(&[]).services() {
        if !all["profiles"].is_null() {
            profiles.insert(name, all["profiles"][0].as_str().map(ToOwned::to_owned));
        }
    }
    let wanted = [("kafka-ui", "ui"), ("mailpit", "mail")]
        .map(|(name, profile)| (name.to_owned(), Some(profile.to_owned())));
    assert_eq!(profiles, BTreeMap::from(wanted));
}

#[test]
fn the_services_together_have_every_role_once() {
    let mut roles = Vec::new();
    for service in Compose::read(&[]).ours() {
        let command = service.words("/command");
        let [up, flag, role] = &command[..] else {
            panic!("{}: {command:?}", service.name);
        };
        assert_eq!(
            [up.as_str(), flag, role],
            ["up", "--role", service.name.as_str()]
        );
        roles.push(Role::from_str(role, false).expect("a role"));
        let two = ["projectors", "relay"].contains(&service.name.as_str());
        assert_eq!(service.replicas(), if two { 2 } else { 1 });
        assert_eq!(service.all["stop_grace_period"], "30s");
    }
    let mut all = Role::all(true);
    for list in [&mut roles, &mut all] {
        list.sort_by_key(|role| format!("{role:?}"));
    }
    assert_eq!(roles, all);
}

#[test]
fn every_name_that_a_service_is_told_is_a_setting() {
    for service in Compose::read(&[]).ours() {
        let config = config(&service);
        let table = said(&config);
        assert_eq!(config.status.code(), Some(0), "{}: {table}", service.name);
        for name in service
            .environment()
            .keys()
            .filter(|name| *name != "RUST_LOG")
        {
            let line = table.lines().find(|line| line.starts_with(name));
            let line = line.unwrap_or_else(|| panic!("{name} is no setting:\n{table}"));
            assert!(line.contains(" environment "), "{line}");
        }
    }
}

/// The file `.env` is read by Compose and, beside the sources, by the shop, which refuses names that it does not know.
#[test]
fn a_variable_for_compose_alone_is_not_named_like_a_setting() {
    for variable in variables() {
        assert!(
            variable == "MART_PROFILE" || !variable.starts_with("MART_"),
            "{variable}"
        );
    }
}

#[test]
fn every_database_is_where_its_url_says() {
    let compose = Compose::read(&[("POSTGRES_PASSWORD", "told-to-both")]);
    let names = DatabaseNames::default();
    for (setting, host, database) in [
        ("DATABASE_URL", "event-store", names.event_store),
        ("PRODUCT_DATABASE_URL", "product-database", names.product),
        (
            "INVENTORY_DATABASE_URL",
            "inventory-database",
            names.inventory,
        ),
        ("ORDER_DATABASE_URL", "order-database", names.order),
        ("USER_DATABASE_URL", "user-database", names.user),
        ("PAYMENT_DATABASE_URL", "payment-database", names.payment),
        (
            "NOTIFICATION_DATABASE_URL",
            "notification-database",
            names.notification,
        ),
    ] {
        let server = compose.service(host).environment();
        assert_eq!(server["POSTGRES_DB"], database);
        let url = format!(
            "postgres://{}:{}@{host}:5432/{database}",
            server["POSTGRES_USER"], server["POSTGRES_PASSWORD"]
        );
        for service in compose.ours() {
            if let Some(told) = service.environment().get(setting) {
                assert_eq!(*told, url, "{}", service.name);
            }
        }
        let read_api = compose.service("read-api").environment();
        assert_eq!(read_api[setting], url);
    }
}

#[test]
fn production_refuses_the_defaults_until_they_are_replaced() {
    let (key, password) = (strong("key"), strong("password"));
    let given = [
        ("MART_PROFILE", "prod"),
        ("JWT_SECRET_KEY", key.as_str()),
        ("POSTGRES_PASSWORD", password.as_str()),
    ];
    for (variables, refused) in [
        (&given[..1], Some("JWT_SECRET_KEY")),
        (&given[..2], Some("DATABASE_URL")),
        (&given[..], None),
    ] {
        for service in Compose::read(variables).ours() {
            let config = config(&service);
            let said = said(&config);
            let code = if refused.is_some() { 78 } else { 0 };
            assert_eq!(config.status.code(), Some(code), "{}: {said}", service.name);
            assert!(said.contains(refused.unwrap_or_default()), "{said}");
        }
    }
}

/// Only the proxy is believed, and it has the address that is trusted.
#[test]
fn the_proxy_and_nobody_else_is_believed() {
    let compose = Compose::read(&[("EDGE_NETWORK", "10.9.8")]);
    let proxy = compose.service("proxy");
    let address = &proxy.all["networks"]["edge"]["ipv4_address"];
    assert_eq!(address, "10.9.8.10");
    for service in compose.ours() {
        let trusted = service.environment().remove("MART_TRUSTED_PROXIES");
        let faces_customers = ["write-api", "read-api"].contains(&service.name.as_str());
        let wanted = faces_customers.then(|| "10.9.8.10".to_owned());
        assert_eq!(trusted, wanted, "{}", service.name);
    }
}

#[test]
fn the_kafka_ui_knows_the_message_of_every_topic() {
    let ui = Compose::read(&[]).service("kafka-ui");
    let settings = &ui.environment()["SPRING_APPLICATION_JSON"];
    let settings: Value = serde_json::from_str(settings).expect("it is JSON");
    let cluster = &settings["kafka"]["clusters"][0];
    assert_eq!(cluster["bootstrapServers"], "kafka:19092");
    assert_eq!(ui.words("/volumes"), ["./proto:/proto:ro"]);
    let serdes = cluster["serde"].as_array().expect("a list");
    for topic in proto::Topic::ALL {
        let context = topic.context().name();
        let message = |serde: &Value| {
            let name = serde["properties"]["protobufMessageName"].as_str()?;
            Some(name.to_owned())
        };
        let package = format!("mart.{context}.v1.");
        let serde = serdes
            .iter()
            .find(|serde| message(serde).is_some_and(|name| name.starts_with(&package)))
            .unwrap_or_else(|| panic!("nothing reads {}", topic.name()));
        let name = message(serde).expect("it has one");
        let (_, short) = name.rsplit_once('.').expect("a package");
        let file = text(&format!("proto/mart/{context}/v1/{context}.proto"));
        assert!(file.contains(&format!("message {short} {{")), "{name}");
        // `order(_created)?(\..*)?`: the topic's name is the context's, or has its end in brackets.
        let pattern = serde["topicValuesPattern"].as_str().expect("a pattern");
        let end = topic.name().strip_prefix(context).expect("its context's");
        let wanted = if end.is_empty() {
            pattern.starts_with(context)
        } else {
            pattern.starts_with(&format!("{context}({end})?"))
        };
        assert!(wanted, "{pattern} does not match {}", topic.name());
    }
}
