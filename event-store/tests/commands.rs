//! Are decisions right whatever is queued, cached, refused or lost?

use std::sync::Arc;

use domain::id::{OrderId, ProductId, StockId};
use domain::quantity::{Adjustment, Quantity, StockLevel};
use domain::stock::{Command, Error, Stock};
use embedded_postgres::testing::{TestDatabase, database};
use event_store::{Context, EventStore, ExecuteError, Halt, MIGRATOR, Unit, Written};
use uuid::Uuid;

type Said<T> = Result<Written<T>, ExecuteError<Error>>;

struct Shelf {
    store: EventStore,
    stock: StockId,
    _database: TestDatabase,
}

async fn shelf_with(level: u32) -> Shelf {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool())
        .await
        .expect("a fresh store opens");
    let product = ProductId::from(Uuid::now_v7());
    let stock = StockId::of(product);
    let level = StockLevel::try_from(level).expect("a sane level");
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| {
                unit.create::<Stock>(
                    stock,
                    Command::Open {
                        product_id: product,
                        level,
                    },
                )?;
                Ok(())
            },
        )
        .await
        .expect("a new record opens");
    Shelf {
        store,
        stock,
        _database: database,
    }
}

async fn tell(store: &EventStore, stock: StockId, command: Command) -> Said<Arc<Stock>> {
    store
        .execute(
            Context::system("test"),
            move |unit: &mut Unit<'_, Error>| unit.decide::<Stock>(stock, command.clone()),
        )
        .await
}

fn reserve_one() -> Command {
    Command::Reserve {
        order_id: OrderId::from(Uuid::now_v7()),
        quantity: Quantity::try_from(1_u32).expect("one is a quantity"),
    }
}

fn add_one() -> Command {
    Command::Adjust {
        by: Adjustment::try_from(1).expect("one is an adjustment"),
        reason: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_customers_after_a_hundred_units_get_a_hundred() {
    let shelf = shelf_with(100).await;
    let customers: Vec<_> = (0..200)
        .map(|_| {
            let (store, stock) = (shelf.store.clone(), shelf.stock);
            tokio::spawn(async move { tell(&store, stock, reserve_one()).await })
        })
        .collect();
    let (mut served, mut refused) = (0, 0);
    for customer in customers {
        match customer.await.expect("no panic") {
            Ok(_) => served += 1,
            Err(ExecuteError::Refused(Error::Insufficient { available: 0 })) => refused += 1,
            Err(other) => panic!("neither served nor out of stock: {other:?}"),
        }
    }
    assert_eq!((served, refused), (100, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_on_one_hot_aggregate_share_batches() {
    let shelf = shelf_with(1_000).await;
    let before = shelf.store.log().head().await.expect("a head");
    let all = (0..400).map(|_| tell(&shelf.store, shelf.stock, reserve_one()));
    for said in futures::future::join_all(all).await {
        said.expect("enough for all");
    }
    let events = shelf
        .store
        .log()
        .stored(before, 1_000)
        .await
        .expect("the log reads");
    assert_eq!(events.len(), 400);
    // One batch has one time: far fewer times than events say that they shared commits.
    let mut times: Vec<_> = events.iter().map(|e| e.recorded_at).collect();
    assert!(times.is_sorted());
    times.dedup();
    assert!(times.len() < 200, "{} commits for 400 events", times.len());
}

#[tokio::test]
async fn what_is_said_twice_answers_with_a_position_that_shows_it() {
    let shelf = shelf_with(5).await;
    let level = StockLevel::try_from(7_u32).expect("a sane level");
    let first = tell(&shelf.store, shelf.stock, Command::SetLevel { level })
        .await
        .expect("set");
    let again = tell(&shelf.store, shelf.stock, Command::SetLevel { level })
        .await
        .expect("set already");
    assert_eq!(
        shelf.store.log().head().await.expect("a head"),
        first.position
    );
    assert!(again.position >= first.position);
}

#[tokio::test]
async fn one_refusal_in_a_unit_leaves_nothing_of_it() {
    let shelf = shelf_with(1).await;
    let (stock, before) = (shelf.stock, shelf.store.log().head().await.expect("a head"));
    let said: Said<()> = shelf
        .store
        .execute(Context::system("test"), move |unit| {
            unit.decide::<Stock>(stock, reserve_one())?;
            unit.decide::<Stock>(stock, reserve_one())?;
            Ok(())
        })
        .await;
    assert!(
        matches!(
            said,
            Err(ExecuteError::Refused(Error::Insufficient { available: 0 }))
        ),
        "{said:?}"
    );
    assert_eq!(shelf.store.log().head().await.expect("a head"), before);
    tell(&shelf.store, stock, reserve_one())
        .await
        .expect("the unit is still free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_aggregate_lose_nothing_and_double_nothing() {
    let shelf = shelf_with(0).await;
    let other = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    let mut tellers = Vec::new();
    for store in [shelf.store.clone(), other.clone()] {
        for _ in 0..4 {
            let (store, stock) = (store.clone(), shelf.stock);
            tellers.push(tokio::spawn(async move {
                let mut told = 0;
                while told < 50 {
                    match tell(&store, stock, add_one()).await {
                        Ok(_) => told += 1,
                        Err(ExecuteError::Conflict) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }));
        }
    }
    for teller in tellers {
        teller.await.expect("no panic");
    }
    for store in [&shelf.store, &other] {
        store.catch_up().await.expect("the head reads");
        let stock = shelf.stock;
        let seen: Said<Arc<Stock>> = store
            .execute(Context::system("test"), move |unit| {
                unit.get::<Stock>(stock)
            })
            .await;
        let level = seen.expect("reads").answer.levels().expect("open").level;
        assert_eq!(level, 400);
    }
}

#[tokio::test]
async fn catching_up_shows_what_another_process_wrote() {
    let shelf = shelf_with(3).await;
    let other = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    tell(&other, shelf.stock, add_one()).await.expect("adds");
    let stock = shelf.stock;
    let look = || async {
        let seen: Said<Arc<Stock>> = shelf
            .store
            .execute(Context::system("test"), move |unit| {
                unit.get::<Stock>(stock)
            })
            .await;
        seen.expect("reads").answer.levels().expect("open").level
    };
    shelf.store.catch_up().await.expect("the head reads");
    assert_eq!(look().await, 4);
}

#[tokio::test]
async fn what_another_process_wrote_is_shown_by_the_position_of_who_saw_it() {
    let shelf = shelf_with(3).await;
    let other = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    let written = tell(&shelf.store, shelf.stock, add_one())
        .await
        .expect("adds");
    let level = StockLevel::try_from(4_u32).expect("a sane level");
    let again = tell(&other, shelf.stock, Command::SetLevel { level })
        .await
        .expect("it is so already");
    assert_eq!(again.position, written.position);
}

#[tokio::test]
async fn a_process_that_follows_the_log_decides_on_what_others_wrote() {
    let shelf = shelf_with(3).await;
    let other = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    let mut followed = shelf.store.log().subscribe(1);
    let stock = shelf.stock;
    let wrote = tell(&other, stock, add_one()).await.expect("adds");
    followed.next().await.expect("the log reads");
    // It never asks, and writes nothing itself: the news come to it.
    let look = || async {
        let seen: Said<Arc<Stock>> = shelf
            .store
            .execute(Context::system("test"), move |unit| {
                unit.get::<Stock>(stock)
            })
            .await;
        seen.expect("reads").answer
    };
    let heard = async {
        while *look().await != *wrote.answer {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), heard)
        .await
        .expect("the stale copy is forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_leaves_a_whole_command() {
    let shelf = shelf_with(0).await;
    let mut started = 0;
    for n in 0..60_u64 {
        let (store, stock) = (shelf.store.clone(), shelf.stock);
        let call = tokio::spawn(async move { tell(&store, stock, add_one()).await.map(|_| ()) });
        started += 1;
        for _ in 0..n % 7 {
            tokio::task::yield_now().await;
        }
        call.abort();
    }
    // One more, after all the others: what began before it is either whole or never began.
    tell(&shelf.store, shelf.stock, add_one())
        .await
        .expect("adds");
    let events = shelf
        .store
        .log()
        .stored(0, 1_000)
        .await
        .expect("the log reads");
    let sequences: Vec<_> = events.iter().map(|e| e.sequence).collect();
    assert_eq!(
        sequences,
        (1..=i64::try_from(events.len()).expect("few")).collect::<Vec<_>>()
    );
    assert!(events.len() <= started + 2);
    let idle: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(shelf.store.log().pool())
    .await
    .expect("counts");
    assert_eq!(idle, 0, "a half-open transaction was left behind");
}

#[tokio::test]
async fn a_name_has_one_claim_and_hides_in_it() {
    use domain::claim::Kind;
    let shelf = shelf_with(0).await;
    let other = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    let id = shelf.store.claim_id(Kind::Username, "john_doe");
    assert_eq!(
        id,
        other.claim_id(Kind::Username, "john_doe"),
        "the key is the store's, not the process'"
    );
    assert_ne!(id, shelf.store.claim_id(Kind::Email, "john_doe"));
    let elsewhere = shelf_with(0).await;
    assert_ne!(
        id,
        elsewhere.store.claim_id(Kind::Username, "john_doe"),
        "the hash is keyed"
    );
}

#[tokio::test]
async fn a_halt_for_loading_is_not_an_answer() {
    let shelf = shelf_with(2).await;
    let fresh = EventStore::open(shelf.store.log().pool().clone())
        .await
        .expect("a second process opens");
    let stock = shelf.stock;
    let mut runs = 0;
    let said: Said<u32> = fresh
        .execute(Context::system("test"), move |unit| {
            runs += 1;
            match unit.get::<Stock>(stock) {
                Ok(_) => Ok(runs),
                Err(Halt::NotLoaded(missing)) => Err(Halt::NotLoaded(missing)),
                Err(Halt::Refused(refused)) => Err(Halt::Refused(refused)),
            }
        })
        .await;
    assert_eq!(
        said.expect("reads").answer,
        2,
        "once to learn what to load, once with it"
    );
}

#[tokio::test]
async fn whoever_follows_the_log_elsewhere_is_notified() {
    let shelf = shelf_with(0).await;
    let pool = shelf.store.log().pool();
    let mut listener = sqlx::postgres::PgListener::connect_with(pool)
        .await
        .expect("connects");
    sqlx::query("select set_config('application_name', 'online-mart follower elsewhere', false)")
        .execute(&mut listener)
        .await
        .expect("a name");
    listener.listen("events").await.expect("listens");
    let heard = async {
        // A writer believes for a second that nobody listens, so it may take more than one command.
        loop {
            tell(&shelf.store, shelf.stock, add_one())
                .await
                .expect("adds");
            let notified =
                tokio::time::timeout(std::time::Duration::from_millis(200), listener.recv());
            if let Ok(notified) = notified.await {
                return notified.expect("the connection stands");
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), heard)
        .await
        .expect("a notification");
}

#[tokio::test]
async fn nobody_rewrites_the_log_by_mistake() {
    let shelf = shelf_with(1).await;
    for rewrite in [
        "update events set event_type = 'x'",
        "delete from events where position = 1",
        "truncate events",
    ] {
        let refused = sqlx::query(rewrite)
            .execute(shelf.store.log().pool())
            .await
            .expect_err(rewrite);
        assert!(
            refused.to_string().contains("only ever appended"),
            "{refused}"
        );
    }
    tell(&shelf.store, shelf.stock, add_one())
        .await
        .expect("appending goes on");
}
