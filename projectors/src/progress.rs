//! How far the projections are, for those who wait for them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{ReadDatabases, projections};

/// How often a checkpoint that another process moves is looked at while somebody waits for it.
const LOOK: Duration = Duration::from_millis(5);

/// How far each projection is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    watched: Arc<[Watched]>,
}

/// One projection's progress.
#[derive(Debug)]
pub struct Watched {
    name: &'static str,
    status: watch::Sender<Status>,
    elsewhere: Option<Elsewhere>,
}

#[derive(Clone, Debug, Default)]
struct Status {
    position: i64,
    trouble: Option<String>,
}

/// The checkpoint's table, where another process runs the projection.
#[derive(Debug)]
struct Elsewhere {
    pool: PgPool,
    turn: Mutex<()>,
}

impl Progress {
    /// For the process that runs the projections: hand it to [`run`](crate::run).
    #[must_use]
    pub fn here() -> Self {
        Self::watching(|_| None)
    }

    /// For a process that does not: looks at the checkpoints while somebody waits.
    #[must_use]
    pub fn elsewhere(databases: &ReadDatabases) -> Self {
        Self::watching(|projection| {
            Some(Elsewhere {
                pool: projection.database(databases).clone(),
                turn: Mutex::new(()),
            })
        })
    }

    fn watching(elsewhere: impl Fn(&'static dyn crate::Projection) -> Option<Elsewhere>) -> Self {
        let watched = projections().map(|projection| Watched {
            name: projection.name(),
            status: watch::Sender::new(Status::default()),
            elsewhere: elsewhere(projection),
        });
        Self {
            watched: Arc::new(watched),
        }
    }

    /// The projection of that name.
    ///
    /// # Panics
    /// When there is none: the names are those of [`projections`].
    #[must_use]
    pub fn of(&self, name: &str) -> &Watched {
        let watched = self.watched.iter().find(|watched| watched.name == name);
        watched.unwrap_or_else(|| panic!("there is no projection {name}"))
    }

    /// How far the projection of that name is known to be.
    #[must_use]
    pub fn position(&self, name: &str) -> i64 {
        self.of(name).position()
    }

    /// All projections.
    pub fn all(&self) -> impl Iterator<Item = &Watched> {
        self.watched.iter()
    }

    /// Waits until every projection has applied the log up to `position`; false when the time is up.
    pub async fn wait_for_all(&self, position: i64, deadline: Instant) -> bool {
        for watched in self.all() {
            if !watched.wait_for(position, deadline).await {
                return false;
            }
        }
        true
    }
}

impl Watched {
    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How far it is known to be.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.status.borrow().position
    }

    /// What keeps it from going on.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.status.borrow().trouble.clone()
    }

    /// Waits until it has applied the log up to `position`; false when the time is up.
    pub async fn wait_for(&self, position: i64, deadline: Instant) -> bool {
        if self.position() >= position {
            return true;
        }
        let mut status = self.status.subscribe();
        let reached = async {
            tokio::select! {
                _ = status.wait_for(|status| status.position >= position) => {}
                () = self.keep_looking() => {}
            }
        };
        timeout_at(deadline, reached).await.is_ok()
    }

    /// Asks the database where another process runs the projection.
    pub async fn look(&self) -> Result<i64, sqlx::Error> {
        let Some(elsewhere) = &self.elsewhere else {
            return Ok(self.position());
        };
        let position: Option<i64> =
            sqlx::query_scalar("select position from checkpoint where projection = $1")
                .bind(self.name)
                .fetch_optional(&elsewhere.pool)
                .await?;
        let position = position.unwrap_or(0);
        self.reached(position);
        Ok(position)
    }

    /// Of all who wait, one looks; the others hear of it.
    async fn keep_looking(&self) {
        let Some(elsewhere) = &self.elsewhere else {
            return std::future::pending().await;
        };
        let _turn = elsewhere.turn.lock().await;
        loop {
            if let Err(error) = self.look().await {
                self.troubled(format!("its checkpoint cannot be read: {error}"));
            }
            sleep(LOOK).await;
        }
    }

    pub(crate) fn reached(&self, position: i64) {
        self.status.send_replace(Status {
            position,
            trouble: None,
        });
    }

    pub(crate) fn troubled(&self, trouble: String) {
        self.status
            .send_modify(|status| status.trouble = Some(trouble));
    }
}
