//! The seven databases: on the embedded Postgres, or on servers that the settings name.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use embedded_postgres::Server;
use futures::future::join_all;
use projectors::ReadDatabases;
use service::{
    Settings,
    settings::{DatabaseUrl, SettingError},
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout};

use crate::{
    pools,
    waiting::{Pauses, Waiting},
};

/// Where the data goes when nobody says otherwise.
pub const DATA_DIR: &str = "./data";

/// The embedded server listens on the loopback interface only, so its login is no secret.
const USER: &str = "wasam";
const PASSWORD: &str = "wasam_password";

/// Connections that the event store may hold, and each service's read models.
const STORE_CONNECTIONS: u32 = 16;
const READ_CONNECTIONS: u32 = 10;
/// How long connections in use may hold up the end.
const CLOSING: Duration = Duration::from_secs(1);
/// How long a stop may take altogether when nobody is in a hurry.
pub(crate) const STOPPING: Duration = Duration::from_secs(20);
/// What the embedded server may need of it when it does not stop by itself.
const BY_FORCE: Duration = Duration::from_secs(2);

/// What the databases are called.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseNames {
    /// The log.
    pub event_store: &'static str,
    /// Read models of the product service.
    pub product: &'static str,
    /// Read models of the inventory service.
    pub inventory: &'static str,
    /// Read models of the order service.
    pub order: &'static str,
    /// Read models of the user service.
    pub user: &'static str,
    /// Read models of the payment service.
    pub payment: &'static str,
    /// Mails of the notification service.
    pub notification: &'static str,
}

impl Default for DatabaseNames {
    fn default() -> Self {
        Self {
            event_store: "wasam_event_store",
            product: "wasam_database_product",
            inventory: "wasam_database_inventory",
            order: "wasam_database_order",
            user: "wasam_database_user",
            payment: "wasam_database_payment",
            notification: "wasam_database_notification",
        }
    }
}

impl DatabaseNames {
    fn all(self) -> [&'static str; 7] {
        [
            self.event_store,
            self.product,
            self.inventory,
            self.order,
            self.user,
            self.payment,
            self.notification,
        ]
    }
}

/// Where the event store and the read models are, and every pool of connections to them.
#[derive(Debug)]
pub(crate) struct Servers {
    place: Place,
    /// Told when a server that the settings name has to be waited for; none: nobody waits.
    waiting: Option<Waiting>,
    pools: Mutex<Vec<PgPool>>,
}

#[derive(Debug)]
enum Place {
    /// Our own server; it lives as long as this does.
    Embedded(Box<Server>),
    /// The embedded server of another process of ours.
    Joined(embedded_postgres::Joined),
    /// Servers that the settings name.
    External,
}

/// The data directory that these settings mean on this machine.
pub fn data_dir(settings: &Settings) -> Result<PathBuf, embedded_postgres::Error> {
    let named = settings.data_dir.as_deref();
    let dir = named.unwrap_or(Path::new(DATA_DIR));
    match settings.database_url {
        Some(_) => Ok(dir.to_owned()),
        None => embedded_postgres::reachable_data_dir(dir, named.is_some()),
    }
}

/// Where the audit trail's checkpoints and the key that signs them are.
pub fn audit_dir(settings: &Settings) -> Result<PathBuf, embedded_postgres::Error> {
    match &settings.audit_dir {
        Some(dir) => Ok(dir.clone()),
        None => Ok(data_dir(settings)?.join("audit")),
    }
}

impl Servers {
    /// Starts the embedded server, unless the settings name others.
    pub(crate) async fn start(settings: &Settings, waiting: &Waiting) -> anyhow::Result<Self> {
        if settings.database_url.is_some() {
            return Ok(Self {
                waiting: Some(waiting.clone()),
                ..Place::External.into()
            });
        }
        let mut embedded = embedded_postgres::Settings::new(data_dir(settings)?);
        embedded.port = settings.database_port;
        embedded.binaries.clone_from(&settings.pg_bin);
        USER.clone_into(&mut embedded.user);
        PASSWORD.clone_into(&mut embedded.password);
        let waiting = waiting.clone();
        let start = move || Server::start(embedded, |what| waiting.for_(what));
        let server = tokio::task::spawn_blocking(start)
            .await
            .context("the start of Postgres was cut short")??;
        server
            .ensure_databases(&DatabaseNames::default().all())
            .await
            .context("can't make the databases")?;
        Ok(Place::Embedded(Box::new(server)).into())
    }

    /// Where the embedded server is, if not where the settings say.
    pub(crate) fn notes(&self, settings: &Settings) -> anyhow::Result<Vec<String>> {
        let Place::Embedded(server) = &self.place else {
            return Ok(Vec::new());
        };
        let mut notes = Vec::new();
        let (asked, got) = (settings.database_port, server.port());
        if asked != got {
            notes.push(format!(
                "port {asked} is taken; the embedded Postgres listens on {got}"
            ));
        }
        let (asked, used) = (
            settings.data_dir.as_deref().unwrap_or(Path::new(DATA_DIR)),
            data_dir(settings)?,
        );
        if asked != used {
            let why = "the account that runs Postgres can't enter it";
            notes.push(format!(
                "the data is in {}, not in {}: {why}",
                used.display(),
                asked.display()
            ));
        }
        Ok(notes)
    }

    /// The server of a shop that runs on the same data directory, or the servers that the settings name.
    pub(crate) fn join(settings: &Settings) -> anyhow::Result<Option<Self>> {
        if settings.database_url.is_some() {
            return Ok(Some(Place::External.into()));
        }
        Ok(
            embedded_postgres::join(&data_dir(settings)?, USER, PASSWORD)
                .map(|joined| Place::Joined(joined).into()),
        )
    }

    /// The event store's database, made where it is missing, with its tables.
    pub(crate) async fn event_store(&self, settings: &Settings) -> anyhow::Result<PgPool> {
        let database = DatabaseNames::default().event_store;
        let options = self
            .options(
                settings,
                "DATABASE_URL",
                settings.database_url.as_ref(),
                database,
            )
            .await?;
        let store = self.pool(options, STORE_CONNECTIONS);
        event_store::MIGRATOR
            .run(&store)
            .await
            .context("can't make the event store's tables")?;
        Ok(store)
    }

    /// The read models' databases, made where they are missing, with their tables.
    pub(crate) async fn read_models(&self, settings: &Settings) -> anyhow::Result<ReadDatabases> {
        let names = DatabaseNames::default();
        let read_model = async |setting, url: &Option<DatabaseUrl>, database| {
            let options = self
                .options(settings, setting, url.as_ref(), database)
                .await?;
            anyhow::Ok(self.pool(options, READ_CONNECTIONS))
        };
        let databases = ReadDatabases {
            product: read_model(
                "PRODUCT_DATABASE_URL",
                &settings.product_database_url,
                names.product,
            )
            .await?,
            inventory: read_model(
                "INVENTORY_DATABASE_URL",
                &settings.inventory_database_url,
                names.inventory,
            )
            .await?,
            order: read_model(
                "ORDER_DATABASE_URL",
                &settings.order_database_url,
                names.order,
            )
            .await?,
            user: read_model("USER_DATABASE_URL", &settings.user_database_url, names.user).await?,
            payment: read_model(
                "PAYMENT_DATABASE_URL",
                &settings.payment_database_url,
                names.payment,
            )
            .await?,
            notification: read_model(
                "NOTIFICATION_DATABASE_URL",
                &settings.notification_database_url,
                names.notification,
            )
            .await?,
        };
        databases
            .migrate()
            .await
            .context("can't make the read models' tables")?;
        Ok(databases)
    }

    async fn options(
        &self,
        settings: &Settings,
        setting: &'static str,
        named: Option<&DatabaseUrl>,
        database: &str,
    ) -> anyhow::Result<PgConnectOptions> {
        let url = match (named, &self.place, &settings.database_url) {
            (Some(url), ..) => url.clone(),
            (None, Place::Embedded(server), _) => return Ok(server.options(database)),
            (None, Place::Joined(server), _) => return Ok(server.options(database)),
            (None, Place::External, Some(server)) => server.with_database(database),
            (None, Place::External, None) => {
                anyhow::bail!("{setting} names no server, and none is embedded")
            }
        };
        let url = if url.database().is_none() {
            url.with_database(database)
        } else {
            url
        };
        let options = PgConnectOptions::from_str(url.expose()).map_err(|error| {
            SettingError::new(setting, format!("is no address of a Postgres: {error}"))
        })?;
        let database = url.database().unwrap_or(database);
        let told = |what: &str| {
            if let Some(waiting) = &self.waiting {
                waiting.for_(what);
            }
        };
        let mut pauses = Pauses::default();
        loop {
            match pools::ensure_database(&options, database).await {
                Ok(()) => break,
                Err(error) if self.waiting.is_some() && pools::is_away(&error) => {
                    let what = format!("the database of {setting}, {url}");
                    told(&what);
                    pauses.wait_for(&what, &error).await;
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{setting}: can't connect to {url}"));
                }
            }
        }
        pauses.over();
        Ok(options)
    }

    /// Resolves when the embedded server ended without being asked to, and says how.
    pub(crate) fn died(&self) -> impl Future<Output = String> + Send + use<> {
        let died = match &self.place {
            Place::Embedded(server) => Some(server.died()),
            Place::Joined(_) | Place::External => None,
        };
        async move {
            if let Some(mut died) = died
                && let Ok(how) = died.wait_for(Option::is_some).await
                && let Some(how) = how.clone()
            {
                return how;
            }
            std::future::pending().await
        }
    }

    /// Closes all connections, then stops what this process started, by force where it is not gone at the end of `patience`.
    pub(crate) async fn stop(self, patience: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + patience - BY_FORCE;
        let pools = self
            .pools
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if timeout(CLOSING, join_all(pools.iter().map(pools::close)))
            .await
            .is_err()
        {
            tracing::warn!("connections to the databases were still in use when they were closed");
        }
        match self.place {
            Place::Embedded(server) => {
                let patience = end.saturating_duration_since(Instant::now());
                tokio::task::spawn_blocking(move || server.stop_within(patience))
                    .await
                    .context("Postgres' stop was cut short")??;
                Ok(())
            }
            Place::Joined(_) | Place::External => Ok(()),
        }
    }

    fn pool(&self, options: PgConnectOptions, connections: u32) -> PgPool {
        let pool = pools::open(options, connections);
        self.pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pool.clone());
        pool
    }
}

impl From<Place> for Servers {
    fn from(place: Place) -> Self {
        Self {
            place,
            waiting: None,
            pools: Mutex::default(),
        }
    }
}
