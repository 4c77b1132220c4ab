//! What something was like at an earlier moment, folded from the log: `?at=` on the GET of one thing, and what
//! `mart audit diff` tells.
//!
//! A version is the moment just after the event that made it; of a product, its stock record is shown as it was at that
//! moment, too. Streams are folded page by page: however long one is, the answer takes little memory.

mod account;
mod diff;
mod moment;

use std::{str::FromStr, time::Duration};

use anyhow::Context as _;
use event_store::{Log, Published};
use projectors::Refused;
use proto::Topic;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Freshness, Problem, Result};
use tokio::{sync::Semaphore, time::timeout};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    inventory::StockRecord,
    orders::Order,
    payments::Payment,
    products::Product,
    reader::{Reader, no_answer},
};

pub use diff::{Change, Diff, diff};
pub use moment::{Moment, NoMoment};

/// How many events of a stream are read at once.
const PAGE: i64 = 1_000;
/// How many callers may look into the past at once, and how long the next one waits for its turn: a long stream takes a
/// while, and the connections are there for others, too.
const TURNS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(2);

static TURN: Semaphore = Semaphore::const_new(TURNS);

/// What can be looked at as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// A product.
    Product,
    /// A stock record.
    Stock,
    /// An order.
    Order,
    /// A payment.
    Payment,
    /// An account.
    Account,
}

/// A name that is none of [`Aggregate`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAggregate;

/// When.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// As it was then: a time (RFC 3339), or one of its versions (1, 2, 3, …). Then a 404 says that it was not there at
    /// that time, or that it does not have that version.
    #[param(value_type = Option<String>, example = "2026-01-02T03:04:05Z")]
    pub(crate) at: Option<Moment>,
}

/// An answer that can be given about an earlier moment, too.
pub(crate) trait Past: Serialize + Sized {
    const AGGREGATE: Aggregate;

    /// As it was when the log ended at this position; none where it was not there.
    fn then(
        log: &Log,
        id: Uuid,
        position: i64,
    ) -> impl Future<Output = anyhow::Result<Option<Self>>> + Send;
}

/// As it was then, for a caller; none where it was not there.
pub(crate) async fn then<T: Past>(
    reader: &Reader,
    freshness: Freshness,
    id: Uuid,
    moment: Moment,
) -> Result<Option<T>> {
    reader.remembers(freshness).await?;
    let Ok(Ok(_turn)) = timeout(PATIENCE, TURN.acquire()).await else {
        return Err(Problem::unavailable("many look into the past at present").retry_after(1));
    };
    as_of(&reader.log, id, moment).await.map_err(no_answer)
}

/// The published fields as they were at that moment, as the live GET tells them; none where it was not there, or does not
/// have that version.
pub async fn snapshot(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    moment: Moment,
) -> anyhow::Result<Option<Value>> {
    match moment::position(log, aggregate, id, moment).await? {
        Some(position) => fields(log, aggregate, id, position).await,
        None => Ok(None),
    }
}

async fn as_of<T: Past>(log: &Log, id: Uuid, moment: Moment) -> anyhow::Result<Option<T>> {
    match moment::position(log, T::AGGREGATE, id, moment).await? {
        Some(position) => T::then(log, id, position).await,
        None => Ok(None),
    }
}

async fn fields(
    log: &Log,
    aggregate: Aggregate,
    id: Uuid,
    position: i64,
) -> anyhow::Result<Option<Value>> {
    async fn of<T: Past>(log: &Log, id: Uuid, position: i64) -> anyhow::Result<Option<Value>> {
        let then = T::then(log, id, position).await?;
        Ok(then.map(serde_json::to_value).transpose()?)
    }
    match aggregate {
        Aggregate::Product => of::<Product>(log, id, position).await,
        Aggregate::Stock => of::<StockRecord>(log, id, position).await,
        Aggregate::Order => of::<Order>(log, id, position).await,
        Aggregate::Payment => of::<Payment>(log, id, position).await,
        Aggregate::Account => of::<account::Account>(log, id, position).await,
    }
}

/// Folds one stream as far as the log's position into what is known already.
pub(crate) async fn fold<S>(
    log: &Log,
    topic: Topic,
    id: Uuid,
    position: i64,
    mut state: Option<S>,
    fold: fn(&mut Option<S>, &Published) -> Result<(), Refused>,
) -> anyhow::Result<Option<S>> {
    let mut seen = 0;
    loop {
        let (events, through) = log.stream_page(topic, id, seen, PAGE).await?;
        for event in &events {
            if event.position > position {
                return Ok(state);
            }
            fold(&mut state, event).context("the past can't be told")?;
        }
        if through == seen {
            return Ok(state);
        }
        seen = through;
    }
}

impl Aggregate {
    /// As the log calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Stock => "stock",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Account => "account",
        }
    }
}

impl FromStr for Aggregate {
    type Err = UnknownAggregate;

    fn from_str(text: &str) -> Result<Self, UnknownAggregate> {
        let all = [
            Self::Product,
            Self::Stock,
            Self::Order,
            Self::Payment,
            Self::Account,
        ];
        let named = all.into_iter().find(|aggregate| aggregate.name() == text);
        named.ok_or(UnknownAggregate)
    }
}

impl std::fmt::Display for UnknownAggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("must be product, stock, order, payment or account")
    }
}

impl std::error::Error for UnknownAggregate {}
