use std::{collections::BTreeMap, ffi::OsString, path::Path, sync::LazyLock};

use clap::Parser;

use super::{LoadError, Loaded, Origin, Profile, Secret, SettingError, Settings, secrets::SHOWN};

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
    assert_eq!(origins.len(), 20);
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
            .ends_with(".env")
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
        ("KAFKA_BROKERS", "--kafka-brokers", "localhost:9092"),
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

#[test]
fn prod_wants_a_key_that_is_given_long_varied_and_not_ours() {
    let start = |key| load_with(&["--profile", "prod"], &[("JWT_SECRET_KEY", key)], "");
    assert!(start(STRONG.as_str()).is_ok());
    for weak in [
        "",
        "0aZ9-kQ7!wP3_mX5#tR8+vB2*nC6=yD",
        "abcdefgabcdefgabcdefgabcdefgabcdefg",
    ]
    .iter()
    .chain(SHOWN)
    {
        assert_eq!(refused(start(weak)).name, "JWT_SECRET_KEY", "{weak:?}");
    }
}

#[test]
fn prod_refuses_passwords_in_addresses_that_this_repository_shows() {
    for (name, url) in [
        (
            "DATABASE_URL",
            "postgres://wasam:wasam_password@db/wasam_event_store",
        ),
        (
            "USER_DATABASE_URL",
            "postgres://db/x?user=wasam&password=wasam_password",
        ),
        ("SMTP_URL", "smtps://user:app-password@smtp.gmail.com:465"),
    ] {
        let environment = [("JWT_SECRET_KEY", STRONG.as_str()), (name, url)];
        assert_eq!(
            refused(load_with(&["--profile", "prod"], &environment, "")).name,
            name
        );
        assert!(load_with(&["--profile", "dev"], &environment, "").is_ok());
    }
}

/// Whatever these files write after `JWT_SECRET_KEY=`, as a password in JSON, a form or an address, anybody can read.
#[test]
fn the_list_of_shown_secrets_holds_every_secret_that_the_repository_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = 0;
    for file in [
        "README.md",
        ".env.example",
        "service/src/settings.rs",
        ".ci/run",
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for secret in text.lines().flat_map(secrets_in) {
            assert!(
                SHOWN.contains(&secret),
                "{file} shows {secret:?}, which is not on the list"
            );
            found += 1;
        }
    }
    assert!(
        found >= SHOWN.len(),
        "the files show fewer secrets than the list holds: is the search still right?"
    );
}

fn secrets_in(line: &str) -> Vec<&str> {
    let until = |rest: &'static [char], text| <str>::split(text, rest).next().unwrap_or_default();
    let after = |mark: &str| line.split(mark).skip(1).collect::<Vec<&str>>();
    let assigned = ["JWT_SECRET_KEY=", "PASSWORD=", "password="]
        .iter()
        .flat_map(|mark| after(mark));
    let assigned = assigned.map(|rest| {
        until(
            &['"', '\'', '&', ' ', '`', '$', ';'],
            rest.trim_start_matches(['"', '\'']),
        )
    });
    let in_json = after(r#""password": ""#)
        .into_iter()
        .map(|rest| until(&['"'], rest));
    let in_addresses = after("://").into_iter().filter_map(|rest| {
        let authority = until(&['/', ' ', '`', '"', '\''], rest);
        Some(authority.rsplit_once('@')?.0.split_once(':')?.1)
    });
    assigned
        .chain(in_json)
        .chain(in_addresses)
        .filter(|secret| !secret.is_empty())
        .collect()
}

#[test]
fn secrets_are_redacted_wherever_they_are_printed() {
    let flags = [
        "--jwt-secret-key=hunter2hunter2",
        "--database-url=postgres://wasam:hunter2@db/mart?sslmode=require",
        "--user-database-url=postgres:///mart?host=/run&password=hunter2",
        "--smtp-url=smtp://me:hunter2@mail:25",
    ];
    let settings = Settings::from_flags(flags).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let url = settings.database_url.as_ref().unwrap();
    assert_eq!(
        url.to_string(),
        "postgres://wasam:[redacted]@db/mart?sslmode=require"
    );
    assert_eq!(
        url.expose(),
        "postgres://wasam:hunter2@db/mart?sslmode=require"
    );
    assert!(
        settings
            .user_database_url
            .unwrap()
            .to_string()
            .ends_with("password=[redacted]")
    );
    assert_eq!(Secret::from("hunter2".to_owned()).to_string(), "[redacted]");
}

#[test]
fn a_database_beside_another_keeps_server_and_login() {
    let url: super::DatabaseUrl = "postgres://wasam:pw@db:5433/wasam_event_store?sslmode=require"
        .parse()
        .unwrap();
    let beside = url.with_database("wasam_database_order");
    assert_eq!(
        beside.expose(),
        "postgres://wasam:pw@db:5433/wasam_database_order?sslmode=require"
    );
    assert_eq!(
        (url.database(), beside.database()),
        (Some("wasam_event_store"), Some("wasam_database_order"))
    );
}
