//! A server's life when nothing is in its way.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use embedded_postgres::{Error, Server, join};
use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::workplace::{Workplace, connect, is_alive, remember, remembered, send};

async fn show(connection: &mut PgConnection, setting: &str) -> String {
    let value = sqlx::query_scalar("select current_setting($1)").bind(setting);
    value.fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_after_the_next_start() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    remember(&server, "socks").await;
    let pid = server.pid();
    assert!(is_alive(pid));
    server.stop();
    assert!(!is_alive(pid));
    assert!(!workplace.cluster().join("postmaster.pid").exists());

    let again = workplace.start().unwrap();
    assert_eq!(remembered(&again).await, ["socks"]);
}

#[tokio::test]
async fn it_is_durable_and_checked_and_speaks_utf8() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    let mut connection = connect(&server).await;
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("jit", "off"),
        ("max_connections", "100"),
        ("shared_buffers", "64MB"),
        ("listen_addresses", "127.0.0.1"),
        ("password_encryption", "scram-sha-256"),
        ("timezone", "UTC"),
    ] {
        // lc_collate left the settings in version 16
        if setting == "lc_collate" {
            let query = "select datcollate from pg_database where datname = 'postgres'";
            let found: String = sqlx::query_scalar(query)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(found, value);
        } else {
            assert_eq!(show(&mut connection, setting).await, value, "{setting}");
        }
    }
}

#[tokio::test]
async fn settings_of_ones_own_win() {
    let workplace = Workplace::new();
    let mut settings = workplace.settings();
    settings.shared_buffers = "32MB".into();
    settings.extra.push(("work_mem".into(), "7MB".into()));
    let server = Server::start(settings, |_| {}).unwrap();
    let mut connection = connect(&server).await;
    assert_eq!(show(&mut connection, "shared_buffers").await, "32MB");
    assert_eq!(show(&mut connection, "work_mem").await, "7MB");
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    let by_tcp = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username("wasam")
        .database("postgres");
    assert!(
        by_tcp
            .clone()
            .password("wasam_password")
            .connect()
            .await
            .is_ok()
    );
    assert!(by_tcp.password("guessed").connect().await.is_err());
    assert!(
        server
            .options("postgres")
            .password("guessed")
            .connect()
            .await
            .is_err()
    );
    let mode = fs::metadata(server.socket_dir())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_missing_database_is_made_once() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    for _ in 0..2 {
        server
            .ensure_databases(&["postgres", "shop \"one\""])
            .await
            .unwrap();
    }
    let mut connection = server.options("shop \"one\"").connect().await.unwrap();
    connection.ping().await.unwrap();
    let by_address: PgConnectOptions = server.url("shop \"one\"").parse().unwrap();
    by_address.connect().await.unwrap();
}

#[test]
fn a_taken_port_is_passed_over_and_said() {
    let workplace = Workplace::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut settings = workplace.settings();
    settings.port = port;
    let mut said = Vec::new();
    let server = Server::start(settings, |text| said.push(text.to_owned())).unwrap();
    assert_ne!(server.port(), port);
    let words = format!(
        "port {port} is taken: PostgreSQL listens on {}",
        server.port()
    );
    assert!(said.contains(&words), "{said:?}");
}

#[tokio::test]
async fn a_command_joins_the_server_that_runs() {
    let workplace = Workplace::new();
    assert!(join(&workplace.data_dir(), "wasam", "wasam_password").is_none());
    let server = workplace.start().unwrap();
    remember(&server, "socks").await;
    let joined = join(&workplace.data_dir(), "wasam", "wasam_password").unwrap();
    let mut connection = joined.options("postgres").connect().await.unwrap();
    let text: String = sqlx::query_scalar("select text from memory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(text, "socks");
    assert_eq!(joined.url("postgres"), server.url("postgres"));
    server.stop();
    assert!(join(&workplace.data_dir(), "wasam", "wasam_password").is_none());
}

#[tokio::test]
async fn its_death_is_told_and_the_next_start_recovers() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    remember(&server, "socks").await;
    let mut died = server.died();
    assert_eq!(*died.borrow_and_update(), None);
    send(server.pid(), Signal::SIGKILL);
    died.changed().await.unwrap();
    assert_eq!(died.borrow().as_deref(), Some("it was ended by signal 9"));
    drop(server);

    let again = workplace.start().unwrap();
    assert_eq!(remembered(&again).await, ["socks"]);
}

#[tokio::test]
async fn one_that_does_not_stop_is_ended_by_force_and_that_is_told() {
    let workplace = Workplace::new();
    let server = workplace.start().unwrap();
    remember(&server, "socks").await;
    let pid = server.pid();
    send(pid, Signal::SIGSTOP);
    let patience = std::time::Duration::from_millis(100);
    assert!(matches!(
        server.stop_within(patience),
        Err(Error::NotStopped)
    ));
    assert!(!is_alive(pid));

    let again = workplace.start().unwrap();
    assert_eq!(remembered(&again).await, ["socks"]);
    let patience = std::time::Duration::from_secs(20);
    again.stop_within(patience).unwrap();
}

#[test]
fn a_long_path_gets_its_socket_elsewhere_and_nothing_stays_there() {
    let workplace = Workplace::new();
    let mut settings = workplace.settings();
    settings.data_dir = workplace.path().join("a-folder-with-a-long-name".repeat(5));
    let server = Server::start(settings, |_| {}).unwrap();
    let socket_dir = server.socket_dir().to_owned();
    assert!(socket_dir.as_os_str().len() < 80 && socket_dir.exists());
    server.stop();
    assert!(!socket_dir.exists());
}
