//! A shop's read models in one test: the log, the tables, who follows, and what is done to them.

use std::time::Duration;

use event_store::Log;
use projectors::rebuild::{self, RebuildError, Rebuilt, Status};
use projectors::{Projection, ReadDatabases, projections};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::databases::{Shelves, number, shelves};
use crate::history::History;
use crate::projecting::Running;
use crate::recorded::{Recorded, recorded};

/// A log with a history, and read models.
pub struct Shop {
    pub recorded: Recorded,
    pub shelves: Shelves,
    pub history: History,
}

impl Shop {
    /// With so many events in the log, all of them shown.
    pub async fn with(events: usize, seed: u64) -> Self {
        let mut shop = Self {
            recorded: recorded().await,
            shelves: shelves().await,
            history: History::new(seed),
        };
        shop.happens(events).await;
        shop.is_shown().await;
        shop
    }

    pub async fn happens(&mut self, events: usize) -> i64 {
        self.recorded.append(&self.history.goes_on(events)).await
    }

    pub async fn is_shown(&self) {
        let following = self.follow();
        following.has_reached(self.head().await).await;
        following.stop().await;
    }

    pub fn follow(&self) -> Running {
        Running::start(&self.log(), self.databases(), None)
    }

    pub fn log(&self) -> Log {
        self.recorded.log()
    }

    pub fn databases(&self) -> &ReadDatabases {
        &self.shelves.pools
    }

    pub async fn head(&self) -> i64 {
        self.log().head().await.expect("a head")
    }

    pub async fn rebuild(
        &self,
        projection: &'static dyn Projection,
    ) -> Result<Rebuilt, RebuildError> {
        let never = CancellationToken::new();
        rebuild::rebuild(&self.log(), self.databases(), projection, &|_| (), &never).await
    }

    pub async fn go_back(
        &self,
        projection: &'static dyn Projection,
    ) -> Result<Rebuilt, RebuildError> {
        let never = CancellationToken::new();
        rebuild::go_back(&self.log(), self.databases(), projection, &|_| (), &never).await
    }

    /// Begins a rebuild, and stops it after a page or so as a shutdown does. How far it came.
    pub async fn interrupt(&self, projection: &'static dyn Projection) -> i64 {
        let begun = rebuild::begin(&self.log(), self.databases(), projection).await;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let end = begun.expect("it begins").run(&|_| (), &shutdown).await;
        assert!(matches!(end, Err(RebuildError::Stopped(_))), "{end:?}");
        self.position_beside(projection).await
    }

    /// How far the tables are that nobody sees yet.
    pub async fn position_beside(&self, projection: &'static dyn Projection) -> i64 {
        let query = format!("select position from {}_next.checkpoint", projection.name());
        number(projection.database(self.databases()), &query).await
    }

    pub async fn status(&self, projection: &'static dyn Projection) -> Status {
        let status = rebuild::status(self.databases(), projection).await;
        status.expect("a status")
    }

    /// The schemas beside the live tables' one.
    pub async fn schemas(&self, projection: &dyn Projection) -> Vec<String> {
        sqlx::query_scalar(
            "select nspname::text from pg_namespace where nspname !~ '^pg_|^information_schema$|^public$' order by 1",
        )
        .fetch_all(projection.database(self.databases()))
        .await
        .expect("the schemas")
    }
}

pub fn named(name: &str) -> &'static dyn Projection {
    let found = projections().into_iter().find(|p| p.name() == name);
    found.expect("a projection")
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("not in time: {what}"));
}
