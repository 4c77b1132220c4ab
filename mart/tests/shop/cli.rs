//! The program's commands, settings and exit codes, as a newcomer meets them.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use service::Service;

use crate::customer::{client, send};
use crate::keys;
use crate::program::{Place, Program};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_wrong_setting_stops_the_start_with_its_name_and_exit_code_78() {
    let place = Place::new();
    let key = keys::strong();
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("MART_FRIST_PORT", "8000")], "MART_FRIST_PORT"),
        (&[("MART_FIRST_PORT", "many")], "MART_FIRST_PORT"),
        (&[("MART_PROFILE", "production")], "MART_PROFILE"),
        (&[("GATEWAY_SUCCESS_RATE", "2")], "GATEWAY_SUCCESS_RATE"),
        (&[("JWT_EXPIRY_TIME", "0")], "JWT_EXPIRY_TIME"),
        (&[("MART_PROFILE", "prod")], "JWT_SECRET_KEY"),
        (
            &[("MART_PROFILE", "prod"), ("JWT_SECRET_KEY", "short")],
            "JWT_SECRET_KEY",
        ),
        (
            &[
                ("MART_PROFILE", "prod"),
                ("JWT_SECRET_KEY", "abababababababababababababababababab"),
            ],
            "JWT_SECRET_KEY",
        ),
        (
            &[
                ("MART_PROFILE", "prod"),
                ("JWT_SECRET_KEY", &key),
                (
                    "DATABASE_URL",
                    "postgres://wasam:wasam_password@localhost/x",
                ),
            ],
            "DATABASE_URL",
        ),
        (
            &[("SMTP_URL", "smtp://127.0.0.1:1025?tls=perhaps")],
            "SMTP_URL",
        ),
        (&[("MAIL_FROM", "Shop <.shop.@example.com>")], "MAIL_FROM"),
    ];
    for (settings, name) in cases {
        let ended = place
            .mart(&["up"])
            .envs(settings.iter().copied())
            .output()
            .expect("it runs");
        assert_eq!(
            ended.status.code(),
            Some(78),
            "{settings:?}: {}",
            text(&ended.stderr)
        );
        assert!(
            text(&ended.stderr).contains(name),
            "{settings:?}: {}",
            text(&ended.stderr)
        );
    }
    assert!(!place.data_dir().exists(), "nothing was started before");
}

#[test]
fn config_shows_every_setting_and_where_it_came_from_and_no_secret() {
    let place = Place::new();
    std::fs::write(
        place.folder().join(".env"),
        "MAIL_FROM=\"Shop <shop@example.com>\"\nSMTP_URL=smtp://me:hunter2hunter2@127.0.0.1:1025\n",
    )
    .expect("ours");
    let key = keys::strong();
    let ended = place
        .mart(&["config"])
        .env("JWT_SECRET_KEY", &key)
        .output()
        .expect("it runs");
    let told = text(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    for name in [
        "MART_PROFILE",
        "MART_DATA_DIR",
        "MART_BIND",
        "MART_FIRST_PORT",
        "MART_TRUSTED_PROXIES",
        "MART_DATABASE_PORT",
        "MART_PG_BIN",
        "DATABASE_URL",
        "PRODUCT_DATABASE_URL",
        "INVENTORY_DATABASE_URL",
        "ORDER_DATABASE_URL",
        "USER_DATABASE_URL",
        "PAYMENT_DATABASE_URL",
        "NOTIFICATION_DATABASE_URL",
        "KAFKA_BROKERS",
        "KAFKA_PARTITIONS",
        "KAFKA_REPLICATION",
        "SMTP_URL",
        "MAIL_FROM",
        "JWT_SECRET_KEY",
        "JWT_EXPIRY_TIME",
        "GATEWAY_SUCCESS_RATE",
        "GATEWAY_SEED",
    ] {
        assert!(
            told.lines()
                .any(|line| line.split_whitespace().any(|word| word == name)),
            "no {name} in\n{told}"
        );
    }
    assert!(
        told.contains("shop@example.com") && told.contains(".env") && told.contains("[redacted]"),
        "{told}"
    );
    assert!(
        !told.contains("hunter2hunter2") && !told.contains(&key),
        "{told}"
    );
}

#[test]
fn a_second_copy_names_the_directory_and_the_first_goes_on() {
    let place = Place::prepared();
    let shop = place.start();
    let second = place.run(&["up"]);
    let told = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&place.data_dir().display().to_string())
            && told.contains(&shop.pid().to_string()),
        "{told}"
    );
    shop.stop();
    place.start().stop();
}

#[test]
fn when_its_postgres_dies_the_shop_ends_and_does_not_claim_success() {
    let place = Place::prepared();
    let mut shop = place.start();
    let file = place.data_dir().join("postgres/postmaster.pid");
    let postmaster = std::fs::read_to_string(file).expect("it runs");
    let pid = postmaster.lines().next().and_then(|pid| pid.parse().ok());
    let pid = Pid::from_raw(pid.expect("a pid"));
    kill(pid, Signal::SIGKILL).expect("it runs");
    assert_eq!(shop.wait().code(), Some(1));
    place.start().stop();
}

#[test]
fn a_taken_port_is_named_and_a_taken_database_port_is_stepped_over() {
    let place = Place::prepared();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().min(65_000);
    let ended = place
        .mart(&["up"])
        .env("MART_FIRST_PORT", port.to_string())
        .output()
        .expect("it runs");
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    assert!(
        text(&ended.stderr).contains(&port.to_string()),
        "{}",
        text(&ended.stderr)
    );
    let mut command = place.mart(&[]);
    command.env("MART_DATABASE_PORT", port.to_string());
    Program::start(command).stop();
}

#[test]
fn sigint_is_an_orderly_end_too() {
    let place = Place::new();
    let mut shop = place.start();
    shop.signal(Signal::SIGINT);
    assert_eq!(shop.wait().code(), Some(0));
}

#[test]
fn who_asks_twice_does_not_wait_for_a_start_that_hangs() {
    let place = Place::new();
    let programs = place.folder().join("bin");
    std::fs::create_dir(&programs).expect("ours");
    for (name, script) in [
        ("postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 17.0'\n"),
        ("initdb", "#!/bin/sh\nexec sleep 30\n"),
    ] {
        let program = programs.join(name);
        std::fs::write(&program, script).expect("ours");
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("ours");
    }
    let mut shop = place.mart(&["up"]);
    let mut shop = shop.env("MART_PG_BIN", &programs).spawn().expect("runs");
    let until = |what: &mut dyn FnMut() -> bool| {
        let begin = Instant::now();
        while !what() {
            assert!(begin.elapsed() < Duration::from_secs(15), "it goes on");
            sleep(Duration::from_millis(10));
        }
    };
    until(&mut || place.data_dir().join("postgres.new").exists());
    let pid = Pid::from_raw(shop.id().cast_signed());
    let mut code = None;
    until(&mut || {
        let _ = kill(pid, Signal::SIGTERM);
        code = shop.try_wait().expect("ours").and_then(|end| end.code());
        code.is_some()
    });
    assert_eq!(code, Some(130));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_granted_to_a_running_shop_and_to_a_stopped_one() {
    let place = Place::prepared();
    let shop = place.start();
    let client = client();
    let john = json!({"username": "john_doe", "email": "john@example.com", "password": "securepassword123"});
    send(
        client
            .post(shop.url(Service::User, "/user/register"))
            .json(&john),
    )
    .await
    .is(201);
    let unknown = place.run(&["user", "grant", "nobody", "admin"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
    assert!(
        text(&unknown.stderr).contains("nobody"),
        "{}",
        text(&unknown.stderr)
    );
    let granted = place.run(&["user", "grant", "john_doe", "admin"]);
    assert_eq!(granted.status.code(), Some(0), "{}", text(&granted.stderr));
    assert!(text(&granted.stdout).contains("john_doe has the role admin"));
    let audit = async |shop: &Program| {
        let login = client
            .post(shop.url(Service::Order, "/user/login"))
            .form(&[("username", "john_doe"), ("password", "securepassword123")]);
        let token = send(login).await.is(200).json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        send(
            client
                .get(shop.url(Service::Operator, "/audit"))
                .bearer_auth(token),
        )
        .await
        .status
    };
    assert_eq!(audit(&shop).await, 200);
    shop.stop();
    let revoked = place.run(&["user", "revoke", "john_doe", "admin"]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    let shop = place.start();
    assert_eq!(audit(&shop).await, 403);
    shop.stop();
}
