//! Reading what you wrote: the token that a write answers with, and who wrote a moment ago.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    response::{IntoResponseParts, Response, ResponseParts},
};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};
use uuid::Uuid;

use crate::{
    Common,
    caller::bearer,
    extract::{Peer, header_parameter, only},
    problem::{Problem, Result},
};

#[cfg(test)]
mod tests;
mod token;

pub use token::{ConsistencyToken, Stream};

/// The header of a write's answer and of a read that must show it.
pub const CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("consistency-token");

/// How long a process remembers who wrote.
const WINDOW: Duration = Duration::from_secs(10);

/// How many callers it remembers at most, per window.
const REMEMBERED: usize = 50_000;

/// What a write puts into its answer: a layer turns it into the header and remembers the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrote {
    /// what was written
    pub token: ConsistencyToken,
    /// who wrote, or about whom (a registration)
    pub user: Option<Uuid>,
}

impl IntoResponseParts for Wrote {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// Who wrote through this process in the last seconds, and what.
pub struct RecentWrites(Mutex<Generations>);

struct Generations {
    since: Instant,
    current: HashMap<Writer, ConsistencyToken>,
    previous: HashMap<Writer, ConsistencyToken>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    User(Uuid),
    /// from this address, without a user
    Anonymous(IpAddr),
    /// from this address, whoever it was
    Anyone(IpAddr),
}

impl Default for RecentWrites {
    fn default() -> Self {
        Self(Mutex::new(Generations {
            since: Instant::now(),
            current: HashMap::new(),
            previous: HashMap::new(),
        }))
    }
}

impl RecentWrites {
    /// Remembers that this user (none: anonymous) wrote from this address.
    pub fn record(&self, user: Option<Uuid>, address: IpAddr, wrote: &ConsistencyToken) {
        self.record_at(user, address, wrote, Instant::now());
    }

    /// What this caller's next read must show: a user's own writes and what was written anonymously from the same
    /// address; without a user, all that was written from the address.
    #[must_use]
    pub fn of(&self, user: Option<Uuid>, address: IpAddr) -> Option<ConsistencyToken> {
        self.of_at(user, address, Instant::now())
    }

    fn record_at(
        &self,
        user: Option<Uuid>,
        address: IpAddr,
        wrote: &ConsistencyToken,
        now: Instant,
    ) {
        let writer = user.map_or(Writer::Anonymous(address), Writer::User);
        let mut generations = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        generations.turn(now);
        for writer in [writer, Writer::Anyone(address)] {
            let known = generations.current.entry(writer);
            known
                .and_modify(|known| *known = known.and(wrote))
                .or_insert_with(|| wrote.clone());
        }
    }

    fn of_at(&self, user: Option<Uuid>, address: IpAddr, now: Instant) -> Option<ConsistencyToken> {
        let mut generations = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        generations.turn(now);
        match user {
            Some(user) => both(
                generations.find(Writer::User(user)),
                generations.find(Writer::Anonymous(address)),
            ),
            None => generations.find(Writer::Anyone(address)),
        }
    }
}

impl Generations {
    /// What is older than one to two windows is forgotten.
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age < WINDOW && self.current.len() < REMEMBERED {
            return;
        }
        self.previous = std::mem::take(&mut self.current);
        if age >= 2 * WINDOW {
            self.previous.clear();
        }
        self.since = now;
    }

    fn find(&self, writer: Writer) -> Option<ConsistencyToken> {
        both(
            self.current.get(&writer).cloned(),
            self.previous.get(&writer).cloned(),
        )
    }
}

/// What shows both, where there are two.
fn both(
    one: Option<ConsistencyToken>,
    other: Option<ConsistencyToken>,
) -> Option<ConsistencyToken> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.and(&other)),
        (one, other) => one.or(other),
    }
}

/// How fresh an answer must be: it shows what the caller's token tells, and what the caller wrote a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness(Option<ConsistencyToken>);

impl Freshness {
    /// What the answer must show; none: any state will do.
    #[must_use]
    pub fn token(&self) -> Option<&ConsistencyToken> {
        self.0.as_ref()
    }

    /// The position of the log up to which all that the answer must show was written.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.0.as_ref().map(ConsistencyToken::position)
    }
}

impl<S> FromRequestParts<S> for Freshness
where
    Common: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let common = Common::from_ref(state);
        let token = told(&parts.headers)?;
        // A bad bearer token is for the handler's own extractor to refuse.
        let user = bearer(&common, &parts.headers)
            .ok()
            .flatten()
            .map(|caller| caller.user_id);
        let Peer(address) = Peer::of(&parts.extensions);
        Ok(Self(both(token, common.recent_writes().of(user, address))))
    }
}

impl IntoParams for Freshness {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header_parameter(
            "Consistency-Token",
            "Of a write's answer: this read waits up to 2 s until it shows that write",
        )]
    }
}

/// The token that a request carries. One that is none is refused wherever it is sent: the outermost layer asks this.
pub(crate) fn told(headers: &HeaderMap) -> Result<Option<ConsistencyToken>> {
    only(headers, &CONSISTENCY_TOKEN)?
        .map(str::parse)
        .transpose()
}

/// The header of an answer.
pub(crate) fn set_token(response: &mut Response, token: &ConsistencyToken) {
    let value = HeaderValue::try_from(token.to_string()).expect("base64 is ASCII");
    response.headers_mut().insert(CONSISTENCY_TOKEN, value);
}
