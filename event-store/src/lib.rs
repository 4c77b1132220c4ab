//! The log: one dense, commit-ordered list of everything that happened, in Postgres.
//!
//! [`EventStore::execute`] runs decisions and appends what they decide; [`Log`] reads and follows what was appended.

mod append;
mod appender;
mod cache;
mod claim;
mod context;
pub mod cqrs;
mod crier;
mod execute;
mod feed;
mod identity;
mod load;
mod log;
mod publish;
mod recent;
pub mod seal;
mod statement;
mod stored;
mod stream;
mod subscription;
mod trace;
mod unit;
mod upcasters;

use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Result;
use domain::claim::Kind;
use domain::id::ClaimId;
use sqlx::PgPool;

pub use append::WrittenStream;
pub use context::{Actor, Context};
pub use execute::{ExecuteError, Written};
pub use identity::Identity;
pub use log::{Log, Page, Published};
pub use stored::{StoredEvent, StreamKey, Unreadable};
pub use stream::stock_of;
pub use subscription::Subscription;
pub use trace::traceparent;
pub use unit::{Halt, Missing, Unit};

/// The tables of the event store's database.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/event_store");

/// The log, for deciding. Cheap to clone.
#[derive(Clone)]
pub struct EventStore {
    pool: PgPool,
    cache: Arc<Mutex<cache::Cache>>,
    appender: appender::Appender,
    claim_key: claim::ClaimKey,
    log: Log,
}

impl EventStore {
    /// Opens a migrated database. The writer connects on its own, with the pool's options.
    pub async fn open(pool: PgPool) -> Result<Self> {
        let log = Log::open(pool.clone());
        let cache = Arc::new(Mutex::new(cache::Cache::new()));
        let claim_key = claim::ClaimKey::load(&pool).await?;
        let appender =
            appender::Appender::start(pool.clone(), Arc::clone(&cache), Arc::clone(log.feed()))
                .await?;
        appender.follow(log.feed().head());
        Ok(Self {
            pool,
            cache,
            appender,
            claim_key,
            log,
        })
    }

    /// The log, for reading.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Makes sure that the next decision sees what other processes have written so far: for decisions that rest on what
    /// they do not write (a login on the account's role), and for which it is not enough that a process in which
    /// somebody follows the log learns of it some milliseconds later.
    pub async fn catch_up(&self) -> Result<()> {
        self.appender.catch_up().await
    }

    /// Where a name is claimed: the id is a keyed hash of the normalised name.
    #[must_use]
    pub fn claim_id(&self, kind: Kind, normalised: &str) -> ClaimId {
        self.claim_key.id(kind, normalised)
    }

    fn cache(&self) -> MutexGuard<'_, cache::Cache> {
        cache::lock(&self.cache)
    }
}
