//! Keys and passwords: which are refused, and that none is shown.

use std::path::Path;

use super::{STRONG, load_with, refused};
use crate::settings::{DatabaseUrl, Secret, Settings, secrets::SHOWN};

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
    let url: DatabaseUrl = "postgres://wasam:pw@db:5433/wasam_event_store?sslmode=require"
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

/// A key that stands in a test is one that the repository shows; `prod` would have to refuse it.
#[test]
fn no_test_shows_a_key_that_prod_would_take() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> = ["mart", "service", "read-api", "write-api"]
        .map(|name| root.join(name))
        .into();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                for key in keys_in(&text) {
                    let weak = Secret::from(key.to_owned()).weakness().is_some();
                    assert!(weak, "{} shows {key:?}", path.display());
                }
            }
        }
    }
    assert!(files > 50, "{files} files: is the search still right?");
    assert_eq!(keys_in(r#"("JWT_SECRET_KEY", "abc")"#), ["abc"]);
}

/// What is given to the setting in a literal, if it is not put together at run time.
fn keys_in(text: &str) -> Vec<&str> {
    ["--jwt-secret-key=", r#"JWT_SECRET_KEY", ""#]
        .iter()
        .flat_map(|mark| text.split(mark).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|key| !key.contains('{') && !key.contains('\n'))
        .collect()
}
