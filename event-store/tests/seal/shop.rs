//! A log with a life behind it, sealed more than once, that nobody protects from being changed.

use std::path::Path;
use std::time::Duration;

use domain::account::{self, Account};
use domain::id::{OrderId, ProductId, StockId, UserId};
use domain::quantity::{Quantity, StockLevel};
use domain::stock::{Command, Error, Stock};
use embedded_postgres::testing::{TestDatabase, database};
use event_store::seal::{Finding, PublicKey, Report, SealState, Sealer, SigningKey, verify};
use event_store::{Context, EventStore, MIGRATOR, Unit};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// More than one tile of the tree.
pub const EVENTS: i64 = 300;
/// Where a password's hash is.
pub const ACCOUNT: i64 = 1;
pub const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y2FuYXJ5LXNhbHQ$Y2FuYXJ5LWhhc2gtY2FuYXJ5LWhhc2g";

pub struct Shop {
    pub store: EventStore,
    pub database: TestDatabase,
    pub folder: TempDir,
    stocks: Vec<StockId>,
}

impl Shop {
    pub async fn open() -> Self {
        let database = database(&MIGRATOR).await;
        let store = EventStore::open(database.pool()).await.unwrap();
        let mut shop = Self {
            store,
            database,
            folder: tempfile::tempdir().unwrap(),
            stocks: Vec::new(),
        };
        shop.register().await;
        for _ in 0..3 {
            shop.open_stock().await;
        }
        shop
    }

    /// With [`EVENTS`] events, and checkpoints at 100, 200 and 300.
    pub async fn sealed() -> Self {
        let shop = Self::open().await;
        for through in [100, 200, EVENTS] {
            shop.grow_to(through).await;
            shop.seal().await;
        }
        shop
    }

    async fn register(&self) {
        let register = account::Command::Register {
            username: "anne".parse().unwrap(),
            email: "anne@example.com".parse().unwrap(),
            password_hash: HASH.parse().unwrap(),
        };
        let work = move |unit: &mut Unit<'_, account::Error>| {
            unit.create::<Account>(UserId::from(Uuid::now_v7()), register.clone())
        };
        let context = Context::system("registration");
        self.store.execute(context, work).await.unwrap();
    }

    async fn open_stock(&mut self) {
        let product_id = ProductId::from(Uuid::now_v7());
        let stock = StockId::of(product_id);
        let level = StockLevel::try_from(1_000_000_u32).unwrap();
        let work = move |unit: &mut Unit<'_, Error>| {
            unit.create::<Stock>(stock, Command::Open { product_id, level })
        };
        let context = Context::system("opening");
        self.store.execute(context, work).await.unwrap();
        self.stocks.push(stock);
    }

    /// Neighbours in the log are events of different streams.
    pub async fn grow_to(&self, through: i64) {
        let mut left = usize::try_from(through - self.head().await).unwrap();
        while left > 0 {
            let stocks: Vec<_> = self.stocks.iter().copied().take(left).collect();
            left -= stocks.len();
            let work = move |unit: &mut Unit<'_, Error>| {
                for stock in &stocks {
                    let order_id = OrderId::from(Uuid::now_v7());
                    let quantity = Quantity::try_from(1_u32).unwrap();
                    unit.decide::<Stock>(*stock, Command::Reserve { order_id, quantity })?;
                }
                Ok(())
            };
            let context = Context::system("growing");
            self.store.execute(context, work).await.unwrap();
        }
        assert_eq!(self.head().await, through);
    }

    /// Appends events to one of the stocks, one at a time, by a store that may be another process's.
    pub async fn grow_by(&self, store: &EventStore, stock: usize, events: usize) {
        let stock = self.stocks[stock];
        for _ in 0..events {
            let order_id = OrderId::from(Uuid::now_v7());
            let quantity = Quantity::try_from(1_u32).unwrap();
            let work = move |unit: &mut Unit<'_, Error>| {
                unit.decide::<Stock>(stock, Command::Reserve { order_id, quantity })
            };
            let context = Context::system("growing");
            store.execute(context, work).await.unwrap();
        }
    }

    pub async fn head(&self) -> i64 {
        self.store.log().head().await.unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn key(&self) -> PublicKey {
        SigningKey::read_or_make(self.folder()).unwrap().public()
    }

    pub fn sealer(&self, folder: &Path) -> Sealer {
        let key = SigningKey::read_or_make(folder).unwrap();
        Sealer::new(self.store.log(), folder.join("audit"), key)
    }

    /// Seals all that is there, as a shop that stops does.
    pub async fn seal(&self) -> SealState {
        self.seal_in(self.folder()).await
    }

    pub async fn seal_in(&self, folder: &Path) -> SealState {
        let (stop, sealer) = (CancellationToken::new(), self.sealer(folder));
        let state = sealer.state();
        stop.cancel();
        sealer.run(stop).await;
        state.borrow().clone()
    }

    /// Seals as a shop that runs does.
    pub fn running(&self) -> Running {
        let (stop, sealer) = (CancellationToken::new(), self.sealer(self.folder()));
        Running {
            state: sealer.state(),
            task: tokio::spawn(sealer.run(stop.clone())),
            stop,
        }
    }

    pub async fn verify(&self) -> Report {
        self.verify_by(&self.key()).await
    }

    pub async fn verify_by(&self, key: &PublicKey) -> Report {
        let audit = self.folder().join("audit");
        verify(self.store.log(), &audit, key, |_, _| {})
            .await
            .unwrap()
    }

    pub async fn findings(&self) -> Vec<Finding> {
        self.verify().await.findings
    }

    /// What nobody may do.
    pub async fn tamper(&self, statements: &str) {
        let script = format!("alter table events disable trigger append_only; {statements}");
        let pool = self.database.pool();
        sqlx::raw_sql(&script).execute(&pool).await.unwrap();
    }

    /// Everything that the sealer has written, file by file.
    pub fn written(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder().join("audit")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
        files.sort();
        files
    }

    /// Changes the lines of all checkpoints, as if they stood in one file.
    pub fn rewrite(&self, change: impl FnOnce(&mut Vec<String>)) {
        let written = self.written();
        let is_file = |(name, _): &&(String, String)| name.starts_with("checkpoints-");
        let files: Vec<_> = written.iter().filter(is_file).collect();
        let mut lines = files
            .iter()
            .flat_map(|(_, text)| text.lines().map(str::to_owned))
            .collect();
        change(&mut lines);
        let audit = self.folder().join("audit");
        for (name, _) in &files {
            std::fs::remove_file(audit.join(name)).unwrap();
        }
        if !lines.is_empty() {
            let text = lines.join("\n") + "\n";
            std::fs::write(audit.join(&files[0].0), text).unwrap();
        }
    }
}

/// A sealer at work.
pub struct Running {
    pub state: watch::Receiver<SealState>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn has_sealed(&mut self, position: i64) {
        let sealed = self.state.wait_for(|state| state.sealed >= position);
        let waited = tokio::time::timeout(Duration::from_secs(20), sealed).await;
        waited
            .unwrap_or_else(|_| panic!("not sealed up to {position}"))
            .unwrap();
    }

    pub async fn is_in_trouble(&mut self) -> String {
        let trouble = self.state.wait_for(|state| state.trouble.is_some());
        let waited = tokio::time::timeout(Duration::from_secs(20), trouble).await;
        waited.unwrap().unwrap().trouble.clone().unwrap()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As a crash would.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
