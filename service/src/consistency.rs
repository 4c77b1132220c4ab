//! Reading what you wrote: the token that a write answers with, and who wrote a moment ago.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    response::{IntoResponseParts, Response, ResponseParts},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
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
    problems,
};

#[cfg(test)]
mod tests;

/// The header of a write's answer and of a read that must show it.
pub const CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("consistency-token");

/// How long a process remembers who wrote.
const WINDOW: Duration = Duration::from_secs(10);

/// How many callers it remembers at most, per window.
const REMEMBERED: usize = 50_000;

/// A position of the log as callers see it: opaque, good on every port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsistencyToken(pub i64);

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.0.to_be_bytes());
        bytes[8..].copy_from_slice(&check(self.0));
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ConsistencyToken {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Problem::common(
                axum::http::StatusCode::BAD_REQUEST,
                problems::BAD_CONSISTENCY_TOKEN,
            )
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let (position, rest) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
        let position = i64::from_be_bytes(*position);
        if position < 0 || rest != check(position) {
            return Err(bad());
        }
        Ok(Self(position))
    }
}

/// Tells a token from a typing error. No secret: a made-up position makes only its own reader wait.
fn check(position: i64) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update("consistency token ")
        .chain_update(position.to_be_bytes())
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// What a write puts into its answer: a layer turns it into the header and remembers the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrote {
    /// the last event of the write
    pub position: i64,
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

/// Who wrote through this process in the last seconds, and how far.
pub struct RecentWrites(Mutex<Generations>);

struct Generations {
    since: Instant,
    current: HashMap<Writer, i64>,
    previous: HashMap<Writer, i64>,
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
    pub fn record(&self, user: Option<Uuid>, address: IpAddr, position: i64) {
        self.record_at(user, address, position, Instant::now());
    }

    /// How far this caller's next read must reach: a user's own writes and what was written anonymously from the same
    /// address; without a user, all that was written from the address.
    #[must_use]
    pub fn of(&self, user: Option<Uuid>, address: IpAddr) -> Option<i64> {
        self.of_at(user, address, Instant::now())
    }

    fn record_at(&self, user: Option<Uuid>, address: IpAddr, position: i64, now: Instant) {
        let writer = user.map_or(Writer::Anonymous(address), Writer::User);
        let mut generations = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        generations.turn(now);
        for writer in [writer, Writer::Anyone(address)] {
            let known = generations.current.entry(writer).or_insert(position);
            *known = position.max(*known);
        }
    }

    fn of_at(&self, user: Option<Uuid>, address: IpAddr, now: Instant) -> Option<i64> {
        let mut generations = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        generations.turn(now);
        match user {
            Some(user) => generations
                .find(Writer::User(user))
                .max(generations.find(Writer::Anonymous(address))),
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

    fn find(&self, writer: Writer) -> Option<i64> {
        self.current
            .get(&writer)
            .max(self.previous.get(&writer))
            .copied()
    }
}

/// How fresh an answer must be: the caller's token, or what the caller wrote a moment ago, whichever is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness(Option<i64>);

impl Freshness {
    /// The position of the log that the answer must show; none: any state will do.
    #[must_use]
    pub fn position(self) -> Option<i64> {
        self.0
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
        let token = told(&parts.headers)?.map(|token| token.0);
        // A bad bearer token is for the handler's own extractor to refuse.
        let user = bearer(&common, &parts.headers)
            .ok()
            .flatten()
            .map(|caller| caller.user_id);
        let Peer(address) = Peer::of(&parts.extensions);
        Ok(Self(token.max(common.recent_writes().of(user, address))))
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
pub(crate) fn set_token(response: &mut Response, position: i64) {
    let text = ConsistencyToken(position).to_string();
    let value = HeaderValue::try_from(text).expect("base64 is ASCII");
    response.headers_mut().insert(CONSISTENCY_TOKEN, value);
}
