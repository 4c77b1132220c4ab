//! A whole shop for one test: its own databases, its own ports, all roles in this process.

use embedded_postgres::testing::{TestDatabase, database};
use mart::{Role, RunningShop, Shop, waiting::Waiting};
use service::{Service, Settings};
use tempfile::TempDir;

use crate::{customer::Customer, keys};

pub struct House {
    shop: RunningShop,
    /// The flags that name its databases, the event store's first.
    urls: Vec<String>,
    /// Where its log's checkpoints are.
    audit: TempDir,
    _databases: Vec<(&'static str, TestDatabase)>,
}

async fn start(
    urls: &[String],
    audit: &TempDir,
    flags: &[&str],
    roles: &[Role],
) -> anyhow::Result<RunningShop> {
    let mut all: Vec<String> = vec![
        "--first-port=0".into(),
        format!("--audit-dir={}", audit.path().display()),
        format!("--jwt-secret-key={}", keys::strong()),
    ];
    all.extend(urls.iter().cloned());
    all.extend(flags.iter().map(ToString::to_string));
    let settings = Settings::from_flags(all).expect("sane settings");
    Shop::start(&settings, roles).await
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(&["--gateway-success-rate", "1"]).await
    }

    /// With these flags besides.
    pub async fn open_with(flags: &[&str]) -> Self {
        let databases = [
            ("--database-url", database(&event_store::MIGRATOR).await),
            (
                "--product-database-url",
                database(&projectors::PRODUCT).await,
            ),
            (
                "--inventory-database-url",
                database(&projectors::INVENTORY).await,
            ),
            ("--order-database-url", database(&projectors::ORDER).await),
            ("--user-database-url", database(&projectors::USER).await),
            (
                "--payment-database-url",
                database(&projectors::PAYMENT).await,
            ),
            (
                "--notification-database-url",
                database(&projectors::NOTIFICATION).await,
            ),
        ];
        // Tests' databases are copies of one; each log is one of its own all the same.
        sqlx::query("update log_identity set id = gen_random_uuid()")
            .execute(&databases[0].1.pool())
            .await
            .expect("a new identity");
        let urls: Vec<String> = databases
            .iter()
            // The server asks for no password, and `prod` refuses the one that everybody knows.
            .map(|(flag, database)| {
                format!("{flag}={}", database.url().replace(":wasam_password", ""))
            })
            .collect();
        let audit = tempfile::tempdir().expect("a folder");
        let shop = start(&urls, &audit, flags, &[])
            .await
            .expect("the shop starts");
        shop.ready(&Waiting::unseen()).await;
        Self {
            shop,
            urls,
            audit,
            _databases: databases.into(),
        }
    }

    /// Another shop, on this one's read models and the other one's log.
    pub async fn start_on_the_log_of(&self, other: &Self) -> anyhow::Result<RunningShop> {
        let urls: Vec<_> = other.urls[..1]
            .iter()
            .chain(&self.urls[1..])
            .cloned()
            .collect();
        start(&urls, &self.audit, &[], &[]).await
    }

    /// What another process with this role alone would be, on the same databases.
    pub async fn start_beside(&self, role: Role) -> RunningShop {
        let started = start(&self.urls, &self.audit, &[], &[role]).await;
        let shop = started.expect("the part starts");
        shop.ready(&Waiting::unseen()).await;
        shop
    }

    pub fn url(&self, service: Service, path: &str) -> String {
        let base = self.shop.url(service);
        format!("{}{path}", base.trim_end_matches('/'))
    }

    pub fn shop(&self) -> &RunningShop {
        &self.shop
    }

    /// Somebody without a login.
    pub fn stranger(&self) -> Customer<'_> {
        Customer::stranger(self)
    }

    /// Somebody who has registered and logged in.
    pub async fn customer(&self, name: &str) -> Customer<'_> {
        let stranger = self.stranger();
        stranger
            .post(
                Service::User,
                "/user/register",
                &serde_json::json!({"username": name, "email": format!("{name}@example.com"), "password": "securepassword123"}),
            )
            .await
            .is(201);
        stranger.login(name, "securepassword123").await
    }

    /// Somebody with the role `admin`.
    pub async fn admin(&self, name: &str) -> Customer<'_> {
        self.customer(name).await;
        let store = event_store::EventStore::open(self.shop.log().pool().clone())
            .await
            .expect("opens");
        write_api::grant(&store, name, "admin")
            .await
            .expect("the user is there");
        self.stranger().login(name, "securepassword123").await
    }

    pub async fn close(self) {
        self.shop.shutdown().await.expect("an orderly end");
    }
}
