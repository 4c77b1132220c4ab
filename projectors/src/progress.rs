//! How far the projections are, for those who wait for them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use proto::Topic;
use sqlx::PgPool;
use sqlx::types::Json;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::mirror::Partitions;
use crate::{Projection, ReadDatabases, projections};

#[cfg(test)]
mod tests;
mod wanted;

pub use wanted::Wanted;

/// How often a checkpoint is looked at while somebody waits for it: at the beginning of a wait, and later.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(5));
/// How long a wait is at its beginning.
const BEGINNING: Duration = Duration::from_millis(20);
/// The pause after a look that failed.
const PAUSE: Duration = Duration::from_millis(50);
/// How long what a checkpoint said is good: a server that crashed comes back without the last commits.
const GOOD: Duration = Duration::from_secs(1);

/// How far each projection is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    watched: Arc<[Watched]>,
}

/// One projection's progress.
#[derive(Debug)]
pub struct Watched {
    name: &'static str,
    topics: &'static [Topic],
    status: watch::Sender<Status>,
    shared: Option<Shared>,
}

#[derive(Clone, Debug, Default)]
struct Status {
    position: i64,
    partitions: Partitions,
    /// When that was known; none before the first time.
    known: Option<Instant>,
    /// Of whoever runs it here.
    trouble: Option<String>,
    /// Of whoever looks.
    unread: Option<String>,
}

/// The checkpoint's table, where other processes run the projection, perhaps besides this one.
#[derive(Debug)]
struct Shared {
    pool: PgPool,
    turn: Mutex<()>,
    last_wait: std::sync::Mutex<Instant>,
}

impl Progress {
    /// For the one process that runs the projections: hand it to [`run`](crate::run).
    #[must_use]
    pub fn here() -> Self {
        Self::watching(|_| None)
    }

    /// Where other processes run them, perhaps besides this one: looks at the checkpoints while somebody waits.
    #[must_use]
    pub fn shared(databases: &ReadDatabases) -> Self {
        Self::watching(|projection| {
            Some(Shared {
                pool: projection.database(databases).clone(),
                turn: Mutex::new(()),
                last_wait: std::sync::Mutex::new(Instant::now()),
            })
        })
    }

    fn watching(shared: impl Fn(&'static dyn Projection) -> Option<Shared>) -> Self {
        let watched = projections().map(|projection| Watched {
            name: projection.name(),
            topics: projection.topics(),
            status: watch::Sender::new(Status::default()),
            shared: shared(projection),
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

    /// How far it was known to be when last heard of.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.status.borrow().position
    }

    /// What keeps it from going on.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let status = self.status.borrow();
        status.trouble.clone().or_else(|| status.unread.clone())
    }

    /// Waits until it shows what is wanted; false when the time is up.
    pub async fn wait_for(&self, wanted: impl Into<Wanted>, deadline: Instant) -> bool {
        let wanted = wanted.into();
        let shows = |status: &Status| {
            self.is_good(status)
                && wanted.is_shown(self.topics, status.position, &status.partitions)
        };
        if shows(&self.status.borrow()) {
            return true;
        }
        let mut status = self.status.subscribe();
        let waiting = async {
            tokio::select! {
                _ = status.wait_for(shows) => {}
                () = self.keep_looking() => {}
            }
        };
        timeout_at(deadline, waiting).await.is_ok()
    }

    /// Asks the database, where other processes run the projection. It may be less far than it was: after a crash of
    /// the server, or while it is made anew.
    pub async fn look(&self) -> Result<i64, sqlx::Error> {
        let Some(shared) = &self.shared else {
            return Ok(self.position());
        };
        let found: Option<(i64, Json<Partitions>)> =
            sqlx::query_as("select position, partitions from checkpoint where projection = $1")
                .bind(self.name)
                .fetch_optional(&shared.pool)
                .await?;
        let (position, Json(partitions)) = found.unwrap_or_default();
        self.status.send_modify(|status| {
            status.know(position, partitions);
            status.unread = None;
        });
        Ok(position)
    }

    /// Whether it can be taken at its word. Where this process alone runs the projection, it always knows.
    fn is_good(&self, status: &Status) -> bool {
        self.shared.is_none() || status.known.is_some_and(|known| known.elapsed() < GOOD)
    }

    /// Of all who wait, one looks; the others hear of it.
    async fn keep_looking(&self) {
        let Some(shared) = &self.shared else {
            return std::future::pending().await;
        };
        shared.a_wait_begins();
        let _turn = shared.turn.lock().await;
        loop {
            let pause = match self.look().await {
                Ok(_) => shared.pause(),
                Err(error) => {
                    let unread = format!("its checkpoint cannot be read: {error}");
                    self.status
                        .send_modify(|status| status.unread = Some(unread));
                    PAUSE
                }
            };
            sleep(pause).await;
        }
    }

    /// Whoever runs the projection here has just seen its checkpoint so; no trouble is left.
    pub(crate) fn reached(&self, position: i64, partitions: Partitions) {
        self.status.send_modify(|status| {
            status.know(position, partitions);
            status.trouble = None;
        });
    }

    pub(crate) fn troubled(&self, trouble: String) {
        self.status
            .send_modify(|status| status.trouble = Some(trouble));
    }
}

impl Status {
    fn know(&mut self, position: i64, partitions: Partitions) {
        self.position = position;
        self.partitions = partitions;
        self.known = Some(Instant::now());
    }
}

impl Shared {
    fn a_wait_begins(&self) {
        *self.last_wait() = Instant::now();
    }

    /// Until the next look: short while the latest wait is young.
    fn pause(&self) -> Duration {
        if self.last_wait().elapsed() < BEGINNING {
            LOOKS.0
        } else {
            LOOKS.1
        }
    }

    fn last_wait(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last_wait
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
