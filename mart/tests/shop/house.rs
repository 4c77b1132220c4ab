//! A whole shop for one test: its own databases, its own ports, all roles in this process.

use embedded_postgres::testing::{TestDatabase, database};
use mart::{RunningShop, Shop, waiting::Waiting};
use service::{Service, Settings};

use crate::{customer::Customer, keys};

pub struct House {
    shop: RunningShop,
    _databases: Vec<TestDatabase>,
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
        let mut all: Vec<String> = vec![
            "--first-port=0".into(),
            format!("--jwt-secret-key={}", keys::strong()),
        ];
        all.extend(databases.iter().map(|(flag, database)| {
            format!("{flag}={}", database.url().replace(":wasam_password", ""))
        }));
        all.extend(flags.iter().map(ToString::to_string));
        let settings = Settings::from_flags(all).expect("sane settings");
        let shop = Shop::start(&settings, &[]).await.expect("the shop starts");
        shop.ready(&Waiting::unseen()).await;
        Self {
            shop,
            _databases: databases
                .into_iter()
                .map(|(_, database)| database)
                .collect(),
        }
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
