//! Dropping the tests' databases behind their backs: it takes 100 ms when a connection is still open.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use sqlx::{ConnectOptions, Executor, PgConnection};

use super::server::TestServer;

/// Drops the database when there is time. What is left when this process ends, the next one drops.
pub(super) fn drop_later(name: String) {
    static DROPPER: OnceLock<Sender<String>> = OnceLock::new();
    let dropper = DROPPER.get_or_init(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || drop_each(&receiver));
        sender
    });
    let _ = dropper.send(name);
}

/// The connection belongs to this thread's runtime; a test's own ends with the test.
fn drop_each(names: &Receiver<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let Ok(mut admin) = TestServer::get()
            .address
            .options("postgres")
            .connect()
            .await
        else {
            return;
        };
        for name in names {
            let _ = admin.execute(drop_statement(&name).as_str()).await;
        }
    });
}

/// Drops the databases of test processes that are gone.
pub(super) async fn drop_what_others_left(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'test\\_%'")
            .fetch_all(admin)
            .await?;
    for name in names.into_iter().filter(|name| owner_is_gone(name)) {
        drop_later(name);
    }
    Ok(())
}

fn owner_is_gone(database: &str) -> bool {
    let pid = database.split('_').nth(1).and_then(|pid| pid.parse().ok());
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
}

fn drop_statement(name: &str) -> String {
    format!("drop database if exists {name} with (force)")
}
