//! A shop's log and its read models in one test, and what a verification finds.

use event_store::Log;
use projectors::mirror::Kafka;
use projectors::verify::{Report, verify};
use projectors::{Projection, ReadDatabases, projections, rebuild};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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
    /// With so many events in the log, none of them shown.
    pub async fn with(events: usize) -> Self {
        let mut shop = Self {
            recorded: recorded().await,
            shelves: shelves().await,
            history: History::new(7),
        };
        shop.happens(events).await;
        shop
    }

    pub async fn happens(&mut self, events: usize) -> i64 {
        self.recorded.append(&self.history.goes_on(events)).await
    }

    pub async fn is_shown(&self) {
        let following = Running::start(&self.log(), self.databases(), None);
        let head = self.log().head().await.expect("a head");
        following.has_reached(head).await;
        following.stop().await;
    }

    pub fn log(&self) -> Log {
        self.recorded.log()
    }

    pub fn databases(&self) -> &ReadDatabases {
        &self.shelves.pools
    }

    pub async fn verify(&self, kafka: Option<&Kafka>) -> Report {
        let never = CancellationToken::new();
        let report = verify(&self.log(), self.databases(), kafka, &never, |_| ()).await;
        report.expect("a report")
    }

    /// Everything that differs, as people are told.
    pub async fn told(&self, kafka: Option<&Kafka>) -> Vec<String> {
        let report = self.verify(kafka).await;
        report.differences.iter().map(ToString::to_string).collect()
    }

    /// Makes these anew.
    pub async fn rebuild(&self, broken: &[&'static dyn Projection]) {
        let never = CancellationToken::new();
        for projection in broken {
            rebuild::rebuild(&self.log(), self.databases(), *projection, &|_| (), &never)
                .await
                .expect("it is made anew");
        }
    }

    /// Does something to the tables of this projection behind everybody's back.
    pub async fn corrupt(&self, projection: &str, statement: &str) {
        let pool = named(projection).database(self.databases());
        let done = sqlx::query(statement).execute(pool).await;
        let rows = done.expect(statement).rows_affected();
        assert_eq!(rows, 1, "{statement}");
    }

    /// Position of the last event of this aggregate.
    pub async fn last_event(&self, aggregate: Uuid) -> i64 {
        let last = format!("select max(position) from events where aggregate_id = '{aggregate}'");
        number(&self.recorded.pool, &last).await
    }

    /// Insists that no verification left anything behind.
    pub async fn is_tidy(&self) {
        for projection in projections() {
            let left = "select count(*) from pg_namespace where nspname like '%verify'";
            let left = number(projection.database(self.databases()), left).await;
            assert_eq!(left, 0, "{}", projection.name());
        }
    }
}

pub fn named(name: &str) -> &'static dyn Projection {
    let found = projections().into_iter().find(|p| p.name() == name);
    found.expect("a projection")
}
