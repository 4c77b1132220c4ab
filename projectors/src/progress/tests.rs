use embedded_postgres::testing::{TestDatabase, database};
use uuid::Uuid;

use super::*;
use crate::ORDER;

const KEY: Uuid = Uuid::from_u128(7);

/// The checkpoint of projection `orders`, and who looks at it.
struct World {
    database: TestDatabase,
    progress: Progress,
}

impl World {
    async fn new() -> Self {
        let database = database(&ORDER).await;
        let pool = database.pool();
        let databases = ReadDatabases {
            product: pool.clone(),
            inventory: pool.clone(),
            order: pool.clone(),
            user: pool.clone(),
            payment: pool.clone(),
            notification: pool,
        };
        let progress = Progress::shared(&databases);
        Self { database, progress }
    }

    async fn says(&self, position: i64, partitions: &Partitions) {
        sqlx::query(
            "insert into checkpoint (projection, version, position, partitions) values ('orders', 1, $1, $2)
             on conflict (projection) do update set position = $1, partitions = $2",
        )
        .bind(position)
        .bind(Json(partitions))
        .execute(&self.database.pool())
        .await
        .expect("the table is there");
    }

    async fn runs(&self, statement: &'static str) {
        let ran = sqlx::query(statement).execute(&self.database.pool()).await;
        ran.expect("a statement of ours");
    }

    fn orders(&self) -> &Watched {
        self.progress.of("orders")
    }

    async fn shows(&self, wanted: impl Into<Wanted>) -> bool {
        let soon = Instant::now() + Duration::from_millis(200);
        self.orders().wait_for(wanted, soon).await
    }
}

fn applied(position: i64) -> Partitions {
    let mut partitions = Partitions::empty([(Topic::Order, 3)]);
    let partition = partitions.partition_of(Topic::Order, KEY);
    partitions.set(Topic::Order, partition.expect("it is listed"), position);
    partitions
}

#[tokio::test]
async fn a_write_is_shown_once_its_partition_is_so_far() {
    let world = World::new().await;
    let placed = Wanted::of(42, [(Topic::Order, KEY, 41)]);
    assert!(!world.shows(placed.clone()).await, "nothing is there");
    world.says(3, &applied(40)).await;
    assert!(!world.shows(placed.clone()).await);
    let deadline = Instant::now() + Duration::from_secs(10);
    let (shown, ()) = tokio::join!(world.orders().wait_for(placed.clone(), deadline), async {
        sleep(BEGINNING * 2).await;
        world.says(3, &applied(41)).await;
    });
    assert!(shown, "while somebody waits");
    assert!(
        !world.shows(42).await,
        "of the rest of the log nothing is known"
    );
    world.says(42, &Partitions::default()).await;
    assert!(world.shows(placed).await && world.shows(42).await);
}

#[tokio::test]
async fn what_a_crash_took_back_is_not_taken_for_shown() {
    let world = World::new().await;
    world.says(42, &applied(42)).await;
    assert!(world.shows(42).await);
    world.says(40, &applied(40)).await;
    sleep(GOOD).await;
    assert!(!world.shows(42).await);
    assert_eq!(world.orders().position(), 40);
    let placed = Wanted::of(42, [(Topic::Order, KEY, 42)]);
    assert!(!world.shows(placed).await);
}

#[tokio::test]
async fn what_the_runner_here_tells_is_good_at_once_and_no_longer_than_what_was_seen() {
    let world = World::new().await;
    world.orders().reached(7, Partitions::default());
    assert!(world.shows(7).await);
    sleep(GOOD).await;
    assert!(!world.shows(7).await, "its row says nothing of it");
}

#[tokio::test]
async fn the_runners_trouble_stays_until_it_is_over_whoever_looks() {
    let world = World::new().await;
    let orders = world.orders();
    orders.troubled("an event cannot be folded".to_owned());
    assert_eq!(orders.look().await.expect("the table is there"), 0);
    assert_eq!(
        orders.trouble().as_deref(),
        Some("an event cannot be folded")
    );
    orders.reached(1, Partitions::default());
    assert_eq!(orders.trouble(), None);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_trouble_until_it_can() {
    let world = World::new().await;
    world
        .runs("alter table checkpoint rename to elsewhere")
        .await;
    assert!(!world.shows(1).await);
    let trouble = world.orders().trouble().expect("it could not look");
    assert!(
        trouble.contains("its checkpoint cannot be read"),
        "{trouble}"
    );
    world
        .runs("alter table elsewhere rename to checkpoint")
        .await;
    world.says(1, &Partitions::default()).await;
    assert!(world.shows(1).await);
    assert_eq!(world.orders().trouble(), None);
}
