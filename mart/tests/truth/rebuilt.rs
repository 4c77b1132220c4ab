//! Read models are made anew without anyone noticing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use sqlx::PgPool;

use crate::load;
use crate::program::Place;
use crate::scene::{admin, customer, event_store, fill, mart, start};
use crate::smtp::Server;
use crate::tables::ReadModels;

const CLIENTS: usize = 32;
const PEOPLE: usize = 8;
const REBUILDS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute or two: five rebuilds of everything under the load of 32 clients"]
async fn five_rebuilds_of_everything_under_load_go_unnoticed() {
    let (place, post) = (Place::prepared(), Server::start().await);
    let mut command = place.mart(&[]);
    command.env("SMTP_URL", post.url());
    let shop = start(command).await;
    let boss = admin(&place, &shop).await;
    let product = boss.product(9.99).await;
    boss.stock(&product, 1_000_000).await;
    fill(&event_store(&place).await, 100, 100).await;
    let names: Vec<_> = (0..PEOPLE).map(|n| format!("customer_{n}")).collect();
    let people = join_all(names.iter().map(|name| customer(&shop, name))).await;
    let people = &people.iter().collect::<Vec<_>>();
    let read_models = ReadModels::of(&place).await;
    read_models.at_rest().await;

    let enough = AtomicBool::new(false);
    let clients = (0..CLIENTS).map(|n| load::shop(n, people[n % PEOPLE], &product, &enough));
    let rebuilds = async {
        for _ in 0..REBUILDS {
            mart(&place, &["rebuild"]).await.ends_with(0);
        }
        enough.store(true, Ordering::Relaxed);
    };
    let (orders, counted, ()) = tokio::join!(
        join_all(clients),
        load::count_all(&place, &enough),
        rebuilds
    );
    println!("{orders:?} orders, {counted:?} counts");
    assert!(orders.iter().all(|orders| *orders > 0), "{orders:?}");
    assert!(counted.iter().all(|times| *times > 100), "{counted:?}");

    read_models.at_rest().await;
    let rows = read_models.rows().await;
    mart(&place, &["rebuild"]).await.ends_with(0);
    let anew = read_models.rows().await;
    for (table, rows) in &rows {
        assert_eq!(Some(rows), anew.get(table), "{table}");
    }
    assert_eq!(rows.len(), anew.len());
    each_mail_once(read_models.of_projection("notification"), &post).await;
    shop.stop();
}

/// Every mail of the table arrives, and none twice.
async fn each_mail_once(pool: &PgPool, post: &Server) {
    let mails: i64 = sqlx::query_scalar("select count(*) from mail")
        .fetch_one(pool)
        .await
        .expect("it counts");
    let mails = usize::try_from(mails).expect("some");
    assert!(mails > PEOPLE);
    let ids = |arrived: &[crate::smtp::Arrived]| -> Vec<String> {
        arrived
            .iter()
            .map(|mail| mail.header("Message-ID"))
            .collect()
    };
    for _ in 0..120 {
        let sent: i64 = sqlx::query_scalar("select count(*) from delivery where status = 'SENT'")
            .fetch_one(pool)
            .await
            .expect("it counts");
        if usize::try_from(sent) == Ok(mails) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let arrived = ids(&post.arrived());
    let different: BTreeSet<_> = arrived.iter().collect();
    assert_eq!(arrived.len(), different.len(), "a mail came twice");
    assert_eq!(
        arrived.len(),
        mails,
        "mails that arrived, and that there are"
    );
}
