//! What must hold when the killing is over.

use std::time::Duration;

use embedded_postgres::testing::database;
use projectors::{Progress, ReadDatabases};
use service::Service;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::ask;
use crate::program::{Place, Program};

/// Reserved is what open orders hold, sold what paid ones took, the shelf what is left; no payment is left in the air.
pub(super) async fn settled_sums(
    place: &Place,
    client: &reqwest::Client,
    shop: &Program,
    token: &str,
    stock: &str,
) {
    let orders = join(place, "wasam_database_order").await;
    for _ in 0..200 {
        let (_, record) =
            ask(client.get(shop.url(Service::Inventory, &format!("/inventory/{stock}"))))
                .await
                .expect("answers");
        let (_, _) = ask(client
            .get(shop.url(Service::Order, "/orders?limit=1"))
            .bearer_auth(token))
        .await
        .expect("answers");
        let open: i64 = sum(&orders, "select coalesce(sum(quantity), 0)::bigint from orders where order_status = 'IN_PROGRESS'").await;
        let sold: i64 = sum(&orders, "select coalesce(sum(quantity), 0)::bigint from orders where order_status = 'COMPLETED'").await;
        let in_the_air: i64 = {
            let log = join(place, "wasam_event_store").await;
            sum(
                &log,
                "select count(*) filter (where event_type = 'attempted') - count(*) filter (where event_type <> 'attempted')
                 from events where aggregate_type = 'payment'",
            )
            .await
        };
        let told = [
            &record["reserved_stock"],
            &record["sold_stock"],
            &record["stock_level"],
        ]
        .map(|n| n.as_i64().expect("a number"));
        if told == [open, sold, 1_000_000 - sold] && in_the_air == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the sums do not settle");
}

async fn sum(pool: &PgPool, question: &str) -> i64 {
    sqlx::query_scalar(question)
        .fetch_one(pool)
        .await
        .expect("sums")
}

async fn join(place: &Place, name: &str) -> PgPool {
    let joined =
        embedded_postgres::join(&place.data_dir(), "wasam", "wasam_password").expect("it runs");
    PgPool::connect_with(joined.options(name))
        .await
        .expect("connects")
}

/// Replays the log into empty databases and compares every table, row by row.
pub(super) async fn equal_to_a_replay(place: &Place) {
    let log = event_store::Log::open(join(place, "wasam_event_store").await);
    let fresh = [
        database(&projectors::PRODUCT).await,
        database(&projectors::INVENTORY).await,
        database(&projectors::ORDER).await,
        database(&projectors::USER).await,
        database(&projectors::PAYMENT).await,
        database(&projectors::NOTIFICATION).await,
    ];
    let [product, inventory, order, user, payment, notification] = fresh
        .each_ref()
        .map(embedded_postgres::testing::TestDatabase::pool);
    let replayed = ReadDatabases {
        product,
        inventory,
        order,
        user,
        payment,
        notification,
    };
    let (progress, stop) = (Progress::here(), CancellationToken::new());
    let running = projectors::run(&log, &replayed, &progress, None, &stop);
    let head = log.head().await.expect("a head");
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    assert!(
        progress.wait_for_all(head, deadline).await,
        "the replay does not catch up"
    );
    for (name, replayed, table, key) in [
        (
            "wasam_database_product",
            &replayed.product,
            "product",
            "product_id",
        ),
        (
            "wasam_database_inventory",
            &replayed.inventory,
            "inventory",
            "inventory_id",
        ),
        (
            "wasam_database_order",
            &replayed.order,
            "orders",
            "order_id",
        ),
        ("wasam_database_user", &replayed.user, "\"user\"", "user_id"),
        (
            "wasam_database_payment",
            &replayed.payment,
            "payment",
            "payment_id",
        ),
        (
            "wasam_database_notification",
            &replayed.notification,
            "mail",
            "notification_id",
        ),
    ] {
        let live = join(place, name).await;
        let rows = format!("select to_jsonb(t)::text from {table} t order by {key}");
        let (live, again): (Vec<String>, Vec<String>) =
            (all(&live, &rows).await, all(replayed, &rows).await);
        assert!(!live.is_empty(), "{table} is empty");
        assert_eq!(live, again, "{table} is not what a replay makes");
    }
    stop.cancel();
    running.join_all().await;
}

async fn all(pool: &PgPool, rows: &str) -> Vec<String> {
    sqlx::query_scalar(rows)
        .fetch_all(pool)
        .await
        .expect("reads")
}
