//! A notification database, and mailers on it.

use std::time::Duration;

use embedded_postgres::testing::{TestDatabase, database};
use projectors::{Mailer, projections};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::databases::number;
use crate::messages::{id, published, registered};

/// `MAIL_FROM`.
pub const FROM: &str = "Online Mart <no-reply@mart.example>";

/// Stopped by `stop`, dropped with this.
pub struct Post {
    pub pool: PgPool,
    shutdown: CancellationToken,
    mailers: Vec<JoinHandle<()>>,
    _database: TestDatabase,
}

impl Post {
    pub async fn new() -> Self {
        let database = database(&projectors::NOTIFICATION).await;
        Self {
            pool: database.pool(),
            shutdown: CancellationToken::new(),
            mailers: Vec::new(),
            _database: database,
        }
    }

    pub fn start(&mut self, smtp_url: Option<&str>) {
        let mailer = Mailer::new(self.pool.clone(), smtp_url, FROM).expect("good settings");
        self.mailers
            .push(tokio::spawn(mailer.run(self.shutdown.clone())));
    }

    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        for mailer in self.mailers.drain(..) {
            let ended = timeout(Duration::from_secs(15), mailer).await;
            ended
                .expect("it ends when told")
                .expect("it does not panic");
        }
        self.shutdown = CancellationToken::new();
    }

    /// Somebody registers: one mail each.
    pub async fn queue(&self, numbers: std::ops::Range<i64>) {
        let notification = projections()
            .into_iter()
            .find(|one| one.name() == "notification");
        let notification = notification.expect("it is on the list");
        let registrations: Vec<_> = numbers
            .map(|n| {
                let user = id(0x1000 + u128::from(n.unsigned_abs()));
                published(n, user, 1, registered(&format!("user{n}")))
            })
            .collect();
        let mut transaction = self.pool.begin().await.expect("a transaction");
        notification
            .apply(&mut transaction, &registrations)
            .await
            .expect("mails");
        transaction.commit().await.expect("a commit");
    }

    pub async fn count(&self, status: &str) -> i64 {
        let query = format!("select count(*) from delivery where status = '{status}'");
        number(&self.pool, &query).await
    }

    pub async fn all_sent(&self, mails: i64) {
        let sent = async {
            while self.count("SENT").await < mails {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), sent)
            .await
            .expect("they are sent");
    }
}
