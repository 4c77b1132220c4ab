//! Holds the log against everything that was made from it: the read models, row by row, through a fresh fold; the mirror
//! in Kafka, record by record; and the sums of stock and money that must come out even.
//!
//! The fresh fold fills a schema `<projection>_verify` beside the live tables, which stay as they are: nothing waits for
//! this. What a read model has not applied yet is no difference.

mod difference;
mod live;
mod mirror;
mod model;
mod position;
mod rows;
mod sums;

use anyhow::{Result, ensure};
use event_store::{Identity, Log};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

pub use difference::{Column, Difference, RowDifference};

use crate::mirror::Kafka;
use crate::{Projection, ReadDatabases, projections};
use model::Model;
pub(crate) use model::clear;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The log's end, as far as it was looked at.
    pub head: i64,
    /// What differs; nothing: all is well. Of each projection, of the sums and of the mirror the first hundred are told,
    /// the others counted in a [`Difference::More`].
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.differences.is_empty()
    }

    /// The projections that a rebuild would make right.
    #[must_use]
    pub fn projections(&self) -> Vec<&'static dyn Projection> {
        let differs = |projection: &&dyn Projection| {
            let name = projection.name();
            let mut found = self.differences.iter();
            found.any(|difference| difference.repaired_by_rebuild() == Some(name))
        };
        projections().into_iter().filter(differs).collect()
    }

    /// Whether the mirror in Kafka differs, which `mart relay republish` fills anew.
    #[must_use]
    pub fn mirror_differs(&self) -> bool {
        let mut found = self.differences.iter();
        found.any(|difference| matches!(difference, Difference::Mirror { .. }))
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checking {
    /// The log is folded anew, up to this position of that many.
    Folding(i64, i64),
    /// This projection's rows are compared.
    Comparing(&'static str),
    /// The sums of stock and money are made.
    Summing,
    /// So many of so many records of the mirror are read.
    Mirror(i64, i64),
}

/// Compares everything with the log as it is now, while the shop goes on. What differs is in the report; an error is that it
/// could not be found out: a database is away, another process verifies at the same time, `stop` was cancelled. A broker
/// that does not answer is a difference.
///
/// It needs a connection of its own to each database, beside the pools'.
pub async fn verify(
    log: &Log,
    databases: &ReadDatabases,
    kafka: Option<&Kafka>,
    stop: &CancellationToken,
    mut progress: impl FnMut(Checking) + Send,
) -> Result<Report> {
    let identity = log.identity().await?;
    let making = projections()
        .into_iter()
        .map(|projection| Model::make(projection, databases, &identity));
    let (mut models, mut failed) = (Vec::new(), Vec::new());
    for made in join_all(making).await {
        match made {
            Ok(model) => models.push(model),
            Err(error) => failed.push(error),
        }
    }
    if let Some(error) = failed.into_iter().next() {
        join_all(models.into_iter().map(Model::drop)).await;
        return Err(error);
    }
    let mut run = Run {
        log,
        identity,
        stop,
        progress: &mut progress,
    };
    let compared = run.compare(&mut models).await;
    let dropped = join_all(models.into_iter().map(Model::drop)).await;
    let mut report = compared?;
    dropped.into_iter().collect::<Result<()>>()?;
    if let Some(kafka) = kafka {
        report.differences.extend(run.mirror(kafka).await?);
    }
    Ok(report)
}

/// One verification.
struct Run<'a> {
    log: &'a Log,
    identity: Identity,
    stop: &'a CancellationToken,
    progress: &'a mut (dyn FnMut(Checking) + Send),
}

impl Run<'_> {
    async fn compare(&mut self, models: &mut [Model]) -> Result<Report> {
        let mut differences = Vec::new();
        // As far as all of them are together each page is read once.
        let mut together = self.identity.head;
        for model in &mut *models {
            together = together.min(model.live().await?.position);
        }
        self.fold(models, together).await?;
        for model in &mut *models {
            self.check_stop()?;
            (self.progress)(Checking::Comparing(model.name()));
            differences.extend(rows::compare(self, model).await?);
        }
        // The sums are the whole log's, whatever the read models have applied of it.
        let head = self.log.head().await?;
        self.fold(models, head).await?;
        (self.progress)(Checking::Summing);
        // What is left out of the fold is missing in the sums.
        if models.iter().all(|model| model.fold.refused.is_empty()) {
            differences.extend(sums::check(self.log, models, head).await?);
        }
        for model in &*models {
            differences.extend(model.unfoldable(&differences));
        }
        Ok(Report { head, differences })
    }

    /// Brings these to `through`.
    async fn fold(&mut self, models: &mut [Model], through: i64) -> Result<()> {
        let (log, stop) = (self.log, self.stop);
        let progress = &mut *self.progress;
        model::fold(models, log, through, stop, &mut |at| {
            progress(Checking::Folding(at, through));
        })
        .await
    }

    async fn mirror(&mut self, kafka: &Kafka) -> Result<Vec<Difference>> {
        let progress = &mut *self.progress;
        mirror::check(self.log, kafka, self.stop, &mut |done, of| {
            progress(Checking::Mirror(done, of));
        })
        .await
    }

    fn check_stop(&self) -> Result<()> {
        ensure!(!self.stop.is_cancelled(), "stopped before it was done");
        Ok(())
    }
}
