use std::{collections::BTreeMap, fmt, str::FromStr};

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    problem::{Problem, Result},
    problems,
};

/// A token lists so many streams at most; of a larger write it knows the position alone.
const STREAMS: usize = 16;

/// How long its check is, in bytes.
const CHECK: usize = 4;

/// What a write put into the log, as callers see it: opaque, good on every port.
///
/// Whoever has applied the log up to `position` shows the write. So does whoever has applied each stream that is listed
/// as far as it says, where any are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyToken {
    position: i64,
    /// Ordered by topic and key, none twice, none beyond `position`.
    streams: Vec<Stream>,
}

/// The events of one thing, up to a position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// the number of the topic that they are published on
    pub topic: u8,
    /// whose events they are
    pub key: Uuid,
    /// of the last one
    pub position: i64,
}

impl ConsistencyToken {
    /// Of all that is in the log up to this position.
    #[must_use]
    pub fn at(position: i64) -> Self {
        Self::of(position, [])
    }

    /// Of a write that ended at this position and touched these streams alone; none listed: which ones is not known.
    #[must_use]
    pub fn of(position: i64, streams: impl IntoIterator<Item = Stream>) -> Self {
        let mut last = position;
        let mut listed = BTreeMap::new();
        for stream in streams {
            last = last.max(stream.position);
            let known = listed.entry((stream.topic, stream.key)).or_insert(0);
            *known = stream.position.max(*known);
        }
        if listed.len() > STREAMS {
            listed.clear();
        }
        let stream = |((topic, key), position)| Stream {
            topic,
            key,
            position,
        };
        Self {
            position: last,
            streams: listed.into_iter().map(stream).collect(),
        }
    }

    /// Whoever has applied the log up to here shows the write.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Whoever has applied these streams so far shows it too; none: only the position tells.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// What shows both writes. Where the streams of one are not known, those of both are not.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let position = self.position.max(other.position);
        if self.streams.is_empty() || other.streams.is_empty() {
            return Self::at(position);
        }
        Self::of(position, self.streams.iter().chain(&other.streams).copied())
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.position.to_be_bytes().to_vec();
        for stream in &self.streams {
            bytes.push(stream.topic);
            bytes.extend(stream.key.as_bytes());
            write_number(&mut bytes, self.position.abs_diff(stream.position));
        }
        let check = check(&bytes);
        bytes.extend(check);
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ConsistencyToken {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let token = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        token.and_then(|bytes| read(&bytes)).ok_or_else(|| {
            Problem::common(StatusCode::BAD_REQUEST, problems::BAD_CONSISTENCY_TOKEN)
        })
    }
}

fn read(bytes: &[u8]) -> Option<ConsistencyToken> {
    let (body, told) = bytes.split_last_chunk::<CHECK>()?;
    if *told != check(body) {
        return None;
    }
    let (position, mut rest) = body.split_first_chunk::<8>()?;
    let position = i64::from_be_bytes(*position);
    let mut streams = Vec::new();
    while let Some((topic, after)) = rest.split_first() {
        let (key, after) = after.split_first_chunk::<16>()?;
        let (distance, after) = read_number(after)?;
        streams.push(Stream {
            topic: *topic,
            key: Uuid::from_bytes(*key),
            position: position.checked_sub_unsigned(distance)?,
        });
        rest = after;
    }
    // Only what we would write ourselves is a token: in order, none twice, not too many, nothing before the log's start.
    let token = ConsistencyToken::of(position, streams.iter().copied());
    let sane = position >= 0 && streams.iter().all(|stream| stream.position >= 0);
    (sane && token.streams == streams).then_some(token)
}

/// Tells a token from a typing error. No secret: a made-up position makes only its own reader wait.
fn check(body: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new()
        .chain_update("consistency token ")
        .chain_update(body)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// The number and what follows it; none where there is none, or not in its shortest form.
fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = bytes.split_at_checked(end + 1)?;
    let mut number = 0_u64;
    for byte in digits.iter().rev() {
        if number > u64::MAX >> 7 {
            return None;
        }
        number = number << 7 | u64::from(byte & 0x7f);
    }
    let shortest = digits.len() == 1 || digits.last() != Some(&0);
    shortest.then_some((number, rest))
}
