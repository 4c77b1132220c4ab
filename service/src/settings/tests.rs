mod secrets;

use std::{collections::BTreeMap, ffi::OsString, sync::LazyLock};

use clap::Parser;

use super::{LoadError, Loaded, Origin, Profile, SettingError, Settings};

/// What this program is for.
#[derive(Parser, Debug)]
#[command(name = "mart")]
struct Cli {
    #[command(subcommand)]
    command: Option<Errand>,
}

#[derive(clap::Subcommand, Debug)]
enum Errand {
    Config,
}

/// Made here, because a key that stands in this file would be one that the repository shows.
static STRONG: LazyLock<String> = LazyLock::new(|| ('!'..='Z').collect());

fn load_with(
    flags: &[&str],
    environment: &[(&str, &str)],
    dotenv: &str,
) -> Result<Loaded<Cli>, LoadError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(".env");
    std::fs::write(&file, dotenv).expect("a file in it");
    let args: Vec<OsString> = std::iter::once("mart")
        .chain(flags.iter().copied())
        .map(OsString::from)
        .collect();
    let environment: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::load(&args, &environment, &file)
}

fn refused(result: Result<Loaded<Cli>, LoadError>) -> SettingError {
    match result {
        Err(LoadError::Setting(error)) => error,
        other => panic!("expected a refused setting, got {other:?}"),
    }
}

#[test]
fn without_anything_the_defaults_of_the_contract_hold() {
    let Loaded {
        settings, origins, ..
    } = load_with(&[], &[], "").unwrap();
    assert_eq!(settings.profile, Profile::Dev);
    assert_eq!(settings.bind.to_string(), "127.0.0.1");
    assert_eq!((settings.first_port, settings.database_port), (8000, 5433));
    assert_eq!(settings.mail_from, "Online Mart <no-reply@localhost>");
    assert_eq!(settings.jwt_expiry_time, 15);
    assert!((settings.gateway_success_rate - 0.9).abs() < f64::EPSILON);
    assert_eq!(settings.gateway_seed, 0);
    assert_eq!(
        (settings.kafka_partitions, settings.kafka_replication),
        (3, None)
    );
    assert!(settings.kafka_brokers.is_none() && settings.trusted_proxies.is_none());
    assert_eq!(origins.len(), 25);
    assert!(origins.values().all(|origin| *origin == Origin::Default));
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_dotenv() {
    let environment = [("MART_FIRST_PORT", "9100"), ("GATEWAY_SEED", "1")];
    let dotenv = "MART_FIRST_PORT=9200\nGATEWAY_SEED=2\nJWT_EXPIRY_TIME=3\n";
    let Loaded {
        settings, origins, ..
    } = load_with(&["--first-port", "9000"], &environment, dotenv).unwrap();
    assert_eq!(
        (
            settings.first_port,
            settings.gateway_seed,
            settings.jwt_expiry_time
        ),
        (9000, 1, 3)
    );
    assert_eq!(origins["MART_FIRST_PORT"], Origin::Flag);
    assert_eq!(origins["GATEWAY_SEED"], Origin::Environment);
    assert_eq!(origins["JWT_EXPIRY_TIME"], Origin::DotEnv);
    assert_eq!(origins["MART_BIND"], Origin::Default);
}

#[test]
fn a_flag_may_stand_before_or_after_the_command() {
    for flags in [
        ["--first-port", "9000", "config"],
        ["config", "--first-port", "9000"],
    ] {
        let Loaded {
            cli,
            settings,
            origins,
        } = load_with(&flags, &[("MART_FIRST_PORT", "9100")], "").unwrap();
        assert!(matches!(cli.command, Some(Errand::Config)));
        assert_eq!(settings.first_port, 9000);
        assert_eq!(origins["MART_FIRST_PORT"], Origin::Flag);
    }
}

#[test]
fn an_empty_value_is_no_value() {
    let Loaded {
        settings, origins, ..
    } = load_with(&[], &[("SMTP_URL", ""), ("MART_FIRST_PORT", "")], "").unwrap();
    assert!(settings.smtp_url.is_none());
    assert_eq!(
        (settings.first_port, origins["MART_FIRST_PORT"]),
        (8000, Origin::Default)
    );
}

#[test]
fn dotenv_is_read_in_dev_only() {
    let prod = [
        ("MART_PROFILE", "prod"),
        ("JWT_SECRET_KEY", STRONG.as_str()),
    ];
    assert_eq!(
        load_with(&[], &prod, "MART_FIRST_PORT=9200")
            .unwrap()
            .settings
            .first_port,
        8000
    );
    assert_eq!(
        refused(load_with(&[], &[], "MART_PROFILE=prod")).name,
        "MART_PROFILE"
    );
    assert!(
        refused(load_with(&[], &[], "no assignment"))
            .name
            .contains(".env")
    );
    assert!(load_with(&[], &[], "MART_PROFILE=dev").is_ok());
}

#[test]
fn the_example_file_names_every_setting_and_changes_nothing() {
    let example = include_str!("../../../.env.example");
    let plain = load_with(&[], &[], "").unwrap();
    let Loaded {
        settings, origins, ..
    } = load_with(&[], &[], example).unwrap();
    assert_eq!(format!("{settings:?}"), format!("{:?}", plain.settings));
    for name in origins.keys() {
        assert!(example.contains(&format!("{name}=")), "{name} is missing");
    }
}

#[test]
fn kafka_and_proxies_are_taken_as_given() {
    let environment = [
        ("KAFKA_BROKERS", "kafka-1:9092, kafka-2:9092"),
        ("KAFKA_PARTITIONS", "12"),
        ("KAFKA_REPLICATION", "3"),
        ("MART_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
    ];
    let settings = load_with(&[], &environment, "").unwrap().settings;
    assert_eq!(
        settings.kafka_brokers.as_deref(),
        Some("kafka-1:9092,kafka-2:9092")
    );
    assert_eq!(
        (settings.kafka_partitions, settings.kafka_replication),
        (12, Some(3))
    );
    assert_eq!(
        settings.trusted_proxies,
        Some("127.0.0.1,10.0.0.0/8".parse().unwrap())
    );
}

#[test]
fn a_name_of_ours_that_no_setting_has_is_refused_by_name() {
    assert_eq!(
        refused(load_with(&[], &[("MART_FRIST_PORT", "1")], "")).name,
        "MART_FRIST_PORT"
    );
    assert_eq!(
        refused(load_with(&[], &[], "MART_FRIST_PORT=1")).name,
        "MART_FRIST_PORT"
    );
}

#[test]
fn an_invalid_value_is_refused_by_the_name_of_its_setting() {
    for (name, flag, value) in [
        ("MART_PROFILE", "--profile", "staging"),
        ("MART_BIND", "--bind", "nowhere"),
        ("MART_FIRST_PORT", "--first-port", "65530"),
        ("MART_DATABASE_PORT", "--database-port", "0"),
        ("MART_PG_BIN", "--pg-bin", "/nonexistent"),
        ("DATABASE_URL", "--database-url", "mysql://localhost/x"),
        (
            "ORDER_DATABASE_URL",
            "--order-database-url",
            "not an address",
        ),
        ("KAFKA_BROKERS", "--kafka-brokers", "localhost"),
        ("KAFKA_BROKERS", "--kafka-brokers", "localhost:9092,"),
        ("KAFKA_PARTITIONS", "--kafka-partitions", "0"),
        ("KAFKA_PARTITIONS", "--kafka-partitions", "1001"),
        ("KAFKA_REPLICATION", "--kafka-replication", "0"),
        ("KAFKA_REPLICATION", "--kafka-replication", "32768"),
        ("MART_TRUSTED_PROXIES", "--trusted-proxies", "proxy"),
        ("DATABASE_URL", "--database-url", "postgres:wasam:pw@db/x"),
        ("SMTP_URL", "--smtp-url", "http://localhost"),
        ("SMTP_URL", "--smtp-url", "smtp:nohost"),
        ("MAIL_FROM", "--mail-from", "Online Mart"),
        (
            "MAIL_FROM",
            "--mail-from",
            "Online Mart <no-reply@localhost> x",
        ),
        ("JWT_EXPIRY_TIME", "--jwt-expiry-time", "0"),
        ("GATEWAY_SUCCESS_RATE", "--gateway-success-rate", "1.1"),
        ("GATEWAY_SUCCESS_RATE", "--gateway-success-rate", "NaN"),
        ("GATEWAY_SEED", "--gateway-seed", "-1"),
    ] {
        assert_eq!(
            refused(load_with(&[], &[(name, value)], "")).name,
            name,
            "{name}={value} in the environment"
        );
        let flag = format!("{flag}={value}");
        assert_eq!(refused(load_with(&[&flag], &[], "")).name, name, "{flag}");
    }
}

#[test]
fn the_text_of_a_refusal_says_what_would_be_right() {
    let text = |name, value| refused(load_with(&[], &[(name, value)], "")).to_string();
    assert_eq!(
        text("MART_PROFILE", "staging"),
        "MART_PROFILE: must be one of dev, prod"
    );
    assert_eq!(
        text("MART_FIRST_PORT", "web"),
        "MART_FIRST_PORT: must be a port from 0 to 65529, because six more follow it"
    );
    assert!(!text("DATABASE_URL", "mysql://u:hunter2@localhost/x").contains("hunter2"));
}

#[test]
fn an_unknown_flag_is_a_question_of_usage() {
    assert!(matches!(
        load_with(&["--frist-port", "1"], &[], ""),
        Err(LoadError::Usage(_))
    ));
}

#[test]
fn help_names_the_environment_variables_and_nobodys_values() {
    let Err(LoadError::Usage(help)) =
        load_with(&["--help"], &[("JWT_SECRET_KEY", STRONG.as_str())], "")
    else {
        panic!("--help is an answer, not a start");
    };
    let help = help.to_string();
    assert!(
        help.contains("[env: JWT_SECRET_KEY]") && help.contains("[default: 8000]"),
        "{help}"
    );
    assert!(!help.contains(STRONG.as_str()));
    assert!(help.starts_with("What this program is for"), "{help}");
}
