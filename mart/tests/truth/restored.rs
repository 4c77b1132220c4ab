//! The README's way back from a backup, as it stands there: dump, restore into an empty server, start, verify.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use embedded_postgres::Server;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use service::Service;
use sqlx::PgPool;
use tokio::time::sleep;

use crate::customer::{Customer, client, order, send};
use crate::program::Place;
use crate::scene::{PASSWORD, a_day, customer, database, event_store, mart, sealed, start};
use crate::smtp;
use crate::tables::{PROJECTIONS, ReadModels};

/// The block of the README.
fn restore() -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let readme = readme.expect("it is there");
    let (_, rest) = readme
        .split_once("<!-- restore: begin -->")
        .expect("a beginning");
    let (part, _) = rest.split_once("<!-- restore: end -->").expect("an end");
    let (_, block) = part.split_once("```bash\n").expect("a block");
    block.split("```").next().expect("its end").to_owned()
}

/// A shop that the block has started, and left running.
struct Restored(Pid);

impl Restored {
    fn is_over(&self) -> bool {
        killpg(self.0, None).is_err()
    }

    async fn stop(self) {
        killpg(self.0, Signal::SIGTERM).expect("it runs");
        for _ in 0..250 {
            if self.is_over() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not end");
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // It may be over.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// An empty server.
async fn server(place: &Place) -> Server {
    let mut settings = embedded_postgres::Settings::new(place.data_dir());
    "wasam".clone_into(&mut settings.user);
    "wasam_password".clone_into(&mut settings.password);
    settings.port = 0;
    settings.extra.push(("fsync".to_owned(), "off".to_owned()));
    let started = tokio::task::spawn_blocking(move || Server::start(settings, |_| {}));
    started.await.expect("no panic").expect("Postgres starts")
}

/// Runs the block in a folder; what it leaves running.
async fn run(folder: &Path, settings: Vec<(&'static str, String)>) -> Restored {
    let programs = folder.join("bin");
    std::fs::create_dir(&programs).expect("ours");
    symlink(env!("CARGO_BIN_EXE_mart"), programs.join("mart")).expect("ours");
    let path = std::env::var("PATH").expect("a path");
    // As slow as the dump of a big log: checkpoints are signed meanwhile.
    let slow = format!("#!/bin/sh\nPATH='{path}' pg_dump \"$@\" && sleep 2\n");
    let dump = programs.join("pg_dump");
    std::fs::write(&dump, slow).expect("ours");
    std::fs::set_permissions(dump, Permissions::from_mode(0o755)).expect("ours");
    let said = |name: &str| std::fs::File::create(folder.join(name)).expect("ours");
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", &restore()])
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", folder)
        .envs(settings)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(said("out"))
        .stderr(said("err"))
        .process_group(0);
    let mut bash = command.spawn().expect("bash is there");
    let restored = Restored(Pid::from_raw(bash.id().cast_signed()));
    let ended = tokio::task::spawn_blocking(move || bash.wait());
    let ended = ended.await.expect("no panic").expect("ours");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let said = ["out", "err", "restored.log"].map(text).join("\n");
    println!("{said}");
    assert!(ended.success(), "{ended}: {said}");
    restored
}

/// The first of seven ports that are free.
fn seven_free_ports() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..100)
        .map(|_| rand::random_range(20_000..30_000_u16))
        .find(|first| (*first..first + 7).all(free))
        .expect("some are free")
}

async fn message_ids(post: &smtp::Server, mails: usize) -> BTreeSet<String> {
    let arrived = post.has(mails).await;
    let ids: BTreeSet<_> = arrived
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    assert_eq!(ids.len(), arrived.len(), "a mail came twice");
    ids
}

async fn mails(pool: &PgPool) -> usize {
    for _ in 0..200 {
        let (queued, all): (i64, i64) = sqlx::query_as(
            "select count(*) filter (where status <> 'SENT'), count(*) from delivery",
        )
        .fetch_one(pool)
        .await
        .expect("it counts");
        if queued == 0 && all > 0 {
            return usize::try_from(all).expect("not so many");
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("mails wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pg_dump, pg_restore, createdb and psql"]
async fn a_shop_is_restored_from_its_log_as_the_readme_says() {
    let (place, post) = (Place::prepared(), smtp::Server::start().await);
    let mut command = place.mart(&[]);
    command.env("SMTP_URL", post.url());
    let shop = start(command).await;
    let john = customer(&shop, "john_doe").await;
    let product = a_day(&john).await;
    let (log, read_models) = (event_store(&place).await, ReadModels::of(&place).await);
    sealed(&log).await;
    read_models.at_rest().await;
    let sent = mails(&database(&place, "wasam_database_notification").await).await;
    let ids = message_ids(&post, sent).await;

    let elsewhere = Place::new();
    let server = server(&elsewhere).await;
    let of = |port: u16| format!("postgres://wasam:wasam_password@127.0.0.1:{port}");
    let listening: String = sqlx::query_scalar("show port")
        .fetch_one(&log)
        .await
        .expect("its port");
    let first_port = seven_free_ports();
    let over = AtomicBool::new(false);
    let goes_on = async {
        while !over.load(Ordering::Relaxed) {
            john.product(1.0).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    let drill = run(
        elsewhere.folder(),
        vec![
            ("FROM", of(listening.parse().expect("a number"))),
            ("TO", of(server.port())),
            ("DATA", place.data_dir().display().to_string()),
            ("SMTP_URL", post.url()),
            ("MART_FIRST_PORT", first_port.to_string()),
            ("GATEWAY_SUCCESS_RATE", "1".to_owned()),
        ],
    );
    let drill = async {
        let restored = drill.await;
        over.store(true, Ordering::Relaxed);
        restored
    };
    let ((), restored) = tokio::join!(goes_on, drill);

    // Each row is there again, folded anew; what came after the dump is not.
    read_models.at_rest().await;
    let rows = read_models.rows().await;
    for (projection, name, _) in PROJECTIONS {
        let pool = PgPool::connect_with(server.options(name)).await;
        let anew = crate::tables::rows(&pool.expect("it connects")).await;
        for (table, anew) in anew {
            let there = &rows[&format!("{projection}: {table}")];
            if projection == "product" && table == "product" {
                assert!(anew.len() < there.len() && anew.iter().all(|row| there.contains(row)));
            } else {
                assert_eq!(anew, *there, "{table}");
            }
        }
    }
    goes_on_for(&john, first_port, &product).await;
    // The order's mail comes, and none of those before it.
    let after = message_ids(&post, sent + 1).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(message_ids(&post, sent + 1).await, after);
    assert!(after.is_superset(&ids));
    assert_eq!(after.len(), sent + 1);

    restored.stop().await;
    let told = elsewhere.mart(&["audit", "verify"]);
    let told = audit(
        told,
        &elsewhere.folder().join("restored"),
        &of(server.port()),
    )
    .await;
    assert!(told, "what was sealed here follows what was sealed there");
    shop.stop();
    mart(&place, &["audit", "verify"]).await.ends_with(0);
}

/// Whoever was known is known, by the token and by the password, sees the same orders, and may order more.
async fn goes_on_for(john: &Customer<'_>, first_port: u16, product: &str) {
    let url = |service: Service, path: &str| {
        format!("http://127.0.0.1:{}{path}", service.port(first_port))
    };
    let token = john.token.as_ref().expect("logged in");
    let orders = client()
        .get(url(Service::Order, "/orders"))
        .bearer_auth(token);
    let before = john.get(Service::Order, "/orders").await.is(200).json();
    assert_eq!(send(orders).await.is(200).json(), before);
    let login = [("username", "john_doe"), ("password", PASSWORD)];
    let login = client()
        .post(url(Service::User, "/user/login"))
        .form(&login);
    let login: Value = send(login).await.is(200).json();
    let token = login["access_token"].as_str().expect("a token");
    let path = format!("/order/{product}");
    let more = client().post(url(Service::Order, &path)).bearer_auth(token);
    send(more.json(&order(1))).await.is(201);
}

async fn audit(mut command: Command, data: &Path, server: &str) -> bool {
    command
        .env("MART_DATA_DIR", data)
        .env("DATABASE_URL", format!("{server}/wasam_event_store"));
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let ran = ran.expect("no panic").expect("it runs");
    println!("{}", String::from_utf8_lossy(&ran.stdout));
    println!("{}", String::from_utf8_lossy(&ran.stderr));
    ran.status.success()
}
