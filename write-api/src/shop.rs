//! The shop as its command handlers see it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use domain::Aggregate;
use event_store::{Actor, Context, EventStore, Halt, Unit, Written, WrittenStream, traceparent};
use service::{Caller, Common, ConsistencyToken, IfMatch, RequestId, Stream};
use tokio::sync::Notify;

use crate::clock::{Clock, Ids};
use crate::gateway::Gateway;
use crate::passwords::Passwords;
use crate::refusal::{Halted, Refusal, Result};

/// Everything a command needs. Cheap to clone.
#[derive(Clone)]
pub struct Shop {
    /// The log, which decides.
    pub store: EventStore,
    /// What all ports share: tokens, profile, recent writes, limits.
    pub common: Common,
    /// The time.
    pub clock: Clock,
    /// Fresh ids.
    pub ids: Ids,
    /// Who takes the money.
    pub gateway: Arc<dyn Gateway>,
    /// How long a payment waits for the gateway before its answer is "not known yet".
    pub gateway_deadline: Duration,
    /// Hashing.
    pub passwords: Passwords,
    /// Rung whenever this process has settled a payment attempt.
    pub(crate) settled: Arc<Notify>,
}

/// A thing as a command left it.
#[derive(Clone, Debug)]
pub(crate) struct Shown<A, T = ()> {
    /// Its state.
    pub(crate) state: Arc<A>,
    /// The public `id`: the log position of its first event.
    pub(crate) number: i64,
    /// The sequence of its last event.
    pub(crate) version: i64,
    /// A reader that has seen this sees the thing so.
    pub(crate) token: ConsistencyToken,
    /// What else the decision said.
    pub(crate) beside: T,
}

impl<A, T> Shown<A, T> {
    /// Without what else was said.
    pub(crate) fn alone(self) -> Shown<A> {
        let Self {
            state,
            number,
            version,
            token,
            ..
        } = self;
        Shown {
            state,
            number,
            version,
            token,
            beside: (),
        }
    }
}

impl Shop {
    /// A shop on the machine's clock that gives the gateway two seconds. Takes the time of one password's hash.
    pub fn new(
        store: EventStore,
        common: Common,
        gateway: Arc<dyn Gateway>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            store,
            common,
            clock: Clock::system(),
            ids: Ids::time_ordered(),
            gateway,
            gateway_deadline: Duration::from_secs(2),
            passwords: Passwords::new()?,
            settled: Arc::new(Notify::new()),
        })
    }

    /// Runs `work` on the things as they are and appends what it decided, whole or not at all.
    pub(crate) async fn execute<T, F>(&self, context: Context, work: F) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: FnMut(&mut Unit<'_, Refusal>) -> Halted<T> + Send + 'static,
    {
        Ok(self.store.execute(context, work).await?)
    }

    /// As [`Shop::execute`], and tells how the work left one thing.
    pub(crate) async fn write<A, T, F>(
        &self,
        context: Context,
        id: A::Id,
        mut work: F,
    ) -> Result<Shown<A, T>>
    where
        A: Aggregate,
        T: Send + 'static,
        F: FnMut(&mut Unit<'_, Refusal>) -> Halted<T> + Send + 'static,
    {
        let written = self
            .execute(context.clone(), move |unit| {
                let beside = work(unit)?;
                Ok((
                    beside,
                    unit.get::<A>(id)?,
                    unit.version::<A>(id)?,
                    unit.first_position::<A>(id)?,
                ))
            })
            .await?;
        let created = written.first_position_of(id);
        let token = token_of(&written);
        let (beside, state, version, first) = written.answer;
        let number = match first.or(created) {
            Some(number) => number,
            None => self.number::<A>(context, id).await?,
        };
        Ok(Shown {
            state,
            number,
            version,
            token,
            beside,
        })
    }

    /// Learns first what other processes wrote, for whatever rests on a role or a session.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        self.store
            .catch_up()
            .await
            .map_err(|error| Refusal::store_unavailable(&error))
    }

    /// For a thing whose first event was on its way to the disk when it was looked at; by now it is there.
    async fn number<A: Aggregate>(&self, context: Context, id: A::Id) -> Result<i64> {
        let written = self
            .execute(context, move |unit| unit.first_position::<A>(id))
            .await?;
        written
            .answer
            .ok_or_else(|| Refusal::broken(format_args!("{} {id} has no first event", A::TYPE)))
    }
}

impl FromRef<Shop> for Common {
    fn from_ref(shop: &Shop) -> Self {
        shop.common.clone()
    }
}

/// A request as the events that it leads to remember it.
pub(crate) struct Request {
    id: String,
    /// The caller's trace, where one was sent.
    traceparent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> std::result::Result<Self, Infallible> {
        let RequestId(id) = RequestId::from_request_parts(parts, state).await?;
        let mut sent = parts.headers.get_all("traceparent").iter();
        // Sent twice it says nothing, nor does one that is none (W3C Trace Context, 3.2).
        let traceparent = match (sent.next(), sent.next()) {
            (Some(sent), None) => sent.to_str().ok().and_then(traceparent),
            _ => None,
        };
        Ok(Self { id, traceparent })
    }
}

/// On whose behalf, and as part of which request.
pub(crate) fn by(caller: Option<&Caller>, request: &Request) -> Context {
    Context {
        actor: caller.map_or(Actor::Anonymous, |caller| Actor::User(caller.user_id)),
        correlation_id: request.id.clone(),
        causation_id: None,
        traceparent: request.traceparent.clone(),
    }
}

/// What whoever must see this write has to wait for.
pub(crate) fn token_of<T>(written: &Written<T>) -> ConsistencyToken {
    let stream = |stream: &WrittenStream| Stream {
        topic: stream.topic as u8,
        key: stream.key,
        position: stream.position,
    };
    ConsistencyToken::of(written.position, written.streams.iter().map(stream))
}

/// Refuses when the request is based on another version than the thing has.
pub(crate) fn expect_version(current: i64, if_match: IfMatch) -> Halted<()> {
    if_match
        .check(current)
        .map_err(|stale| Halt::Refused(stale.into()))
}
