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
use sqlx::{
    ConnectOptions, Connection, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::waiting::Waiting;

/// Where the data goes when nobody says otherwise.
pub const DATA_DIR: &str = "./data";

/// The embedded server listens on the loopback interface only, so its login is no secret.
const USER: &str = "wasam";
const PASSWORD: &str = "wasam_password";

/// Connections that the event store may hold, and each service's read models.
const STORE_CONNECTIONS: u32 = 16;
const READ_CONNECTIONS: u32 = 10;
/// A connection that lay idle for longer is tried before it is used: its server may be gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long connections in use may hold up the end.
const CLOSING: Duration = Duration::from_secs(1);

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

/// Where the event store and the read models are, and every pool of connections to them.
#[derive(Debug)]
pub(crate) struct Servers {
    place: Place,
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

impl Servers {
    /// Starts the embedded server, unless the settings name others.
    pub(crate) async fn start(settings: &Settings, waiting: &Waiting) -> anyhow::Result<Self> {
        if settings.database_url.is_some() {
            return Ok(Place::External.into());
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

    /// The event store's database, made where it is missing.
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
        Ok(self.pool(options, STORE_CONNECTIONS))
    }

    /// The read models' databases, made where they are missing.
    pub(crate) async fn read_models(&self, settings: &Settings) -> anyhow::Result<ReadDatabases> {
        let names = DatabaseNames::default();
        let read_model = async |setting, url: &Option<DatabaseUrl>, database| {
            let options = self
                .options(settings, setting, url.as_ref(), database)
                .await?;
            anyhow::Ok(self.pool(options, READ_CONNECTIONS))
        };
        Ok(ReadDatabases {
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
        })
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
            (None, Place::Embedded(server), _) => {
                server
                    .ensure_database(database)
                    .await
                    .with_context(|| format!("can't make the database {database}"))?;
                return Ok(server.options(database));
            }
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
        ensure_database(&options, url.database().unwrap_or(database))
            .await
            .with_context(|| format!("{setting}: can't connect to {url}"))?;
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

    /// Closes all connections, then stops what this process started.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let pools = self
            .pools
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if timeout(CLOSING, join_all(pools.iter().map(PgPool::close)))
            .await
            .is_err()
        {
            tracing::warn!("connections to the databases were still in use when they were closed");
        }
        match self.place {
            Place::Embedded(server) => tokio::task::spawn_blocking(move || server.stop())
                .await
                .context("Postgres' stop was cut short"),
            Place::Joined(_) | Place::External => Ok(()),
        }
    }

    fn pool(&self, options: PgConnectOptions, connections: u32) -> PgPool {
        let pool = pool(options, connections);
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
            pools: Mutex::default(),
        }
    }
}

/// Makes the database where the server has none of this name and the role may.
async fn ensure_database(options: &PgConnectOptions, database: &str) -> sqlx::Result<()> {
    const NO_SUCH_DATABASE: &str = "3D000";
    const MADE_MEANWHILE: [&str; 2] = ["42P04", "23505"];
    match options.connect().await {
        Ok(connection) => return connection.close().await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {}
        Err(error) => return Err(error),
    }
    let mut connection = options.clone().database("postgres").connect().await?;
    let create = format!("create database \"{}\"", database.replace('"', "\"\""));
    if let Err(error) = connection.execute(create.as_str()).await {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        if !code.is_some_and(|code| MADE_MEANWHILE.contains(&&*code)) {
            return Err(error);
        }
    }
    connection.close().await
}

fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .connect_lazy_with(
            options
                .application_name("online-mart")
                // Migrations look whether their own table is there, and would be told so in a notice each time.
                .options([("client_min_messages", "warning")]),
        )
}
