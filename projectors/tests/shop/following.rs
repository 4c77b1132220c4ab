//! The runner: checkpoints, crashes, company, trouble.

use std::time::Duration;

use event_store::Log;
use projectors::{Progress, ReadDatabases, run};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use uuid::Uuid;

use crate::databases::{number, shelves};
use crate::messages::id;
use crate::recorded::{Entry, adjusted, created, opened, recorded, registered};
use crate::told::Told;

const LAMP: Uuid = id(1);
const LAMPS: Uuid = id(2);

/// Projections that run, as in one process.
pub struct Running {
    pub progress: Progress,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    pub fn start(log: &Log, databases: &ReadDatabases) -> Self {
        let (progress, shutdown) = (Progress::here(), CancellationToken::new());
        let tasks = run(log, databases, &progress, None, &shutdown);
        Self {
            progress,
            shutdown,
            tasks,
        }
    }

    pub async fn has_reached(&self, position: i64) {
        assert!(
            self.progress.wait_for_all(position, soon()).await,
            "not there in time: {:?}",
            self.progress
        );
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(Duration::from_secs(5), self.tasks.join_all()).await;
        ended.expect("it ends when told");
    }
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A lamp, and `units` times one more of it.
pub fn lamps(units: i64) -> Vec<Entry> {
    let mut entries = vec![created(LAMP), opened(LAMPS, LAMP, 0)];
    entries.extend((0..units).map(|n| adjusted(LAMPS, n + 2, 1)));
    entries
}

pub async fn checkpoint(pool: &PgPool) -> i64 {
    number(pool, "select position from checkpoint").await
}

pub async fn stock(databases: &ReadDatabases) -> i64 {
    number(
        &databases.inventory,
        "select coalesce(sum(stock_level), 0)::bigint from inventory",
    )
    .await
}

#[tokio::test]
async fn rows_and_checkpoints_follow_the_log() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    recorded.append(&lamps(3)).await;
    let running = Running::start(&recorded.log(), databases);
    let head = recorded.append(&[registered(id(3), "anne")]).await;
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, 3);
    let users = r#"select count(*) from "user" where username = 'anne'"#;
    assert_eq!(number(&databases.user, users).await, 1);
    assert_eq!(checkpoint(&databases.inventory).await, head);
    assert_eq!(checkpoint(&databases.payment).await, head);
    running.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let entries = lamps(40);
    for part in entries.chunks(7) {
        let running = Running::start(&recorded.log(), databases);
        let head = recorded.append(part).await;
        running.has_reached(head).await;
        running.stop().await;
    }
    assert_eq!(stock(databases).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_at_once_apply_each_event_once() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    // Doubled events change nothing anyway; here they are not even tried: no checkpoint is set twice or back.
    sqlx::raw_sql(
        "create table again (position bigint);
         create function note() returns trigger language plpgsql as
             $$ begin insert into again values (new.position); return new; end $$;
         create trigger note before update on checkpoint for each row
             when (new.position <= old.position) execute function note();",
    )
    .execute(&databases.inventory)
    .await
    .expect("a watch on the checkpoint");
    let running = [0, 1].map(|_| Running::start(&recorded.log(), databases));
    let mut head = 0;
    for part in lamps(300).chunks(5) {
        head = recorded.append(part).await;
    }
    for running in running {
        running.has_reached(head).await;
        running.stop().await;
    }
    assert_eq!(stock(databases).await, 300);
    let again = "select count(*) from again";
    assert_eq!(number(&databases.inventory, again).await, 0);
    let version = "select version from inventory";
    assert_eq!(number(&databases.inventory, version).await, 301);
}

#[tokio::test]
async fn rows_and_checkpoint_move_together_or_not_at_all() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let head = recorded.append(&lamps(3)).await;
    // The checkpoint is moved first: what then fails must take it back.
    let forbid = "alter table inventory add constraint full_shelf check (stock_level < 3)";
    sqlx::query(forbid)
        .execute(&databases.inventory)
        .await
        .expect("a constraint");
    let running = Running::start(&recorded.log(), databases);
    assert!(running.progress.of("product").wait_for(head, soon()).await);
    let troubled = async {
        while running.progress.of("inventory").trouble().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), troubled)
        .await
        .expect("trouble");
    assert_eq!(checkpoint(&databases.inventory).await, 0);
    assert_eq!(running.progress.position("inventory"), 0);
    let allow = "alter table inventory drop constraint full_shelf";
    sqlx::query(allow)
        .execute(&databases.inventory)
        .await
        .expect("no constraint");
    running.has_reached(head).await;
    assert_eq!(running.progress.of("inventory").trouble(), None);
    assert_eq!(stock(databases).await, 3);
    running.stop().await;
}

#[tokio::test]
async fn a_projection_stops_in_front_of_an_event_that_cannot_be_folded_and_says_so_once() {
    let told = Told::default();
    let _listening = tracing_subscriber::registry()
        .with(told.clone())
        .set_default();
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut entries = lamps(2);
    // 4 is missing.
    entries.extend([adjusted(LAMPS, 5, 1), registered(id(3), "anne")]);
    let head = recorded.append(&entries).await;
    let running = Running::start(&recorded.log(), databases);
    for name in ["orders", "user", "payment", "notification"] {
        assert!(running.progress.of(name).wait_for(head, soon()).await);
    }
    assert!(running.progress.of("inventory").wait_for(4, soon()).await);
    // Some more attempts.
    sleep(Duration::from_millis(600)).await;
    assert_eq!(running.progress.position("inventory"), 4);
    assert_eq!(checkpoint(&databases.inventory).await, 4);
    assert_eq!(stock(databases).await, 2);
    let trouble = running.progress.of("inventory").trouble();
    let trouble = trouble.expect("it is stuck");
    assert!(trouble.contains("position 5"), "{trouble}");
    assert_eq!(told.errors_of("inventory"), 1);

    sqlx::raw_sql(
        "alter table events disable trigger append_only; update events set sequence = 4 where sequence = 5",
    )
    .execute(&recorded.pool)
    .await
    .expect("the log is mended");
    // What was read before is remembered for a while: another process reads it anew.
    running.stop().await;
    let running = Running::start(&recorded.log(), databases);
    running.has_reached(head).await;
    assert_eq!(stock(databases).await, 3);
    running.stop().await;
}

#[tokio::test]
async fn tables_of_another_version_are_left_alone() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    sqlx::query("insert into checkpoint values ('inventory', 2, 0)")
        .execute(&databases.inventory)
        .await
        .expect("a checkpoint");
    let head = recorded.append(&lamps(1)).await;
    let running = Running::start(&recorded.log(), databases);
    assert!(running.progress.of("product").wait_for(head, soon()).await);
    let trouble = running.progress.of("inventory").trouble();
    assert!(
        trouble
            .expect("it does not know them")
            .contains("version 2")
    );
    assert_eq!(checkpoint(&databases.inventory).await, 0);
    running.stop().await;
}

#[tokio::test]
async fn another_process_can_wait_for_a_projection() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let elsewhere = Progress::shared(databases);
    let orders = elsewhere.of("orders");
    let hurry = Instant::now() + Duration::from_millis(50);
    assert!(!orders.wait_for(1, hurry).await, "nobody applies anything");
    let running = Running::start(&recorded.log(), databases);
    let head = recorded.append(&lamps(1)).await;
    let waiting = (0..8).map(|_| orders.wait_for(head, soon()));
    let reached = futures::future::join_all(waiting).await;
    assert_eq!(reached, [true; 8]);
    assert_eq!(elsewhere.position("orders"), head);
    running.stop().await;
}
