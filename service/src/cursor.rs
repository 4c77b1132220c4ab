//! Pages of a list: how long one is, and the signed mark where the next begins.

use axum::http::{HeaderValue, StatusCode, Uri};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    Common,
    problem::{Problem, Result},
    problems,
};

#[cfg(test)]
mod tests;

/// The query parameter that carries a cursor.
pub const CURSOR: &str = "cursor";

const SIGNATURE: usize = 16;

/// Signs cursors; derived from the key of the access tokens.
#[derive(Clone)]
pub(crate) struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let derived = hmac(secret)
            .chain_update("online-mart cursor")
            .finalize()
            .into_bytes();
        Self(hmac(&derived))
    }

    fn signature(&self, list: &str, content: &[u8]) -> [u8; SIGNATURE] {
        let mac = self
            .0
            .clone()
            .chain_update(list)
            .chain_update([0])
            .chain_update(content);
        let full = mac.finalize().into_bytes();
        full[..SIGNATURE].try_into().expect("a SHA-256 is longer")
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Where a page ended, in a form that callers can't change. `list` names the list: a cursor of one is none of another.
pub struct Cursor;

impl Cursor {
    /// The mark for the next page.
    #[must_use]
    pub fn encode<T: Serialize>(common: &Common, list: &str, mark: &T) -> String {
        let content = serde_json::to_vec(mark).expect("a mark is plain JSON");
        let mut bytes = common.cursors().signature(list, &content).to_vec();
        bytes.extend(content);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a mark that `encode` gave out for the same list; anything else is a 400.
    pub fn decode<T: DeserializeOwned>(common: &Common, list: &str, cursor: &str) -> Result<T> {
        let bad = || Problem::common(StatusCode::BAD_REQUEST, problems::BAD_CURSOR);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let (signature, content) = bytes.split_first_chunk::<SIGNATURE>().ok_or_else(bad)?;
        if !same(signature, &common.cursors().signature(list, content)) {
            return Err(bad());
        }
        serde_json::from_slice(content).map_err(|_| bad())
    }
}

/// Compares in the same time wherever they differ.
fn same(left: &[u8; SIGNATURE], right: &[u8; SIGNATURE]) -> bool {
    left.iter()
        .zip(right)
        .fold(0, |differs, (l, r)| differs | (l ^ r))
        == 0
}

/// How many rows a page has: 1 to 200, by default 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    const MOST: u16 = 200;

    /// As SQL wants it.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }

    /// As lengths are counted.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a page has room for at least one row"
    )]
    pub fn len(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit @ 1..=Self::MOST) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self(limit))
            }
            _ => Err(serde::de::Error::custom(
                "must be a whole number from 1 to 200",
            )),
        }
    }
}

impl PartialSchema for PageLimit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(Self::MOST))
            .default(Some(50.into()))
            .into()
    }
}

impl ToSchema for PageLimit {}

/// The `Link` header that leads to the next page: this request's own address with another cursor, as a relative reference.
#[must_use]
pub fn next_link(uri: &Uri, cursor: &str) -> HeaderValue {
    next_link_by(uri, CURSOR, cursor)
}

/// The same for a list whose mark is called otherwise (`after`).
#[must_use]
pub fn next_link_by(uri: &Uri, parameter: &str, mark: &str) -> HeaderValue {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.extend_pairs(given.filter(|(name, _)| name != parameter));
    query.append_pair(parameter, mark);
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish());
    HeaderValue::try_from(link).expect("a URI and an encoded query are ASCII")
}
