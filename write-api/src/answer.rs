//! Answers: status, body, and the headers that every write carries.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use service::{Caller, ConsistencyToken, Wrote};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::shop::Shown;

/// What a command answers with. Becomes a response with `ETag`, `Location` and, by way of the [`Wrote`] extension, the
/// consistency token.
#[derive(Debug)]
pub struct Answer {
    response: Response,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(body: impl Serialize) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// 201 with a body.
    pub fn created(body: impl Serialize) -> Self {
        Self::new(StatusCode::CREATED, body)
    }

    /// 202: begun, not yet known how it ends.
    pub fn accepted(body: impl Serialize) -> Self {
        Self::new(StatusCode::ACCEPTED, body)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self {
            response: StatusCode::NO_CONTENT.into_response(),
        }
    }

    /// A refusal that left something in the log.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        Self {
            response: refusal.into_response(),
        }
    }

    /// Where the created thing is found.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        self.header(header::LOCATION, path)
    }

    /// The version that the thing has now.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        self.header(header::ETAG, &format!("\"{version}\""))
    }

    /// The version of the thing, and what was written for the caller.
    #[must_use]
    pub(crate) fn of<A, T>(self, shown: &Shown<A, T>, caller: Option<&Caller>) -> Self {
        self.version(shown.version)
            .wrote(shown.token.clone(), caller.map(|caller| caller.user_id))
    }

    /// Nobody may keep this answer.
    #[must_use]
    pub fn not_stored(self) -> Self {
        self.header(header::CACHE_CONTROL, "no-store")
    }

    /// What was written, and for whom: the next read of that caller shows it.
    #[must_use]
    pub fn wrote(mut self, token: ConsistencyToken, user: Option<Uuid>) -> Self {
        self.response.extensions_mut().insert(Wrote { token, user });
        self
    }

    fn new(status: StatusCode, body: impl Serialize) -> Self {
        Self {
            response: (status, Json(body)).into_response(),
        }
    }

    fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        let value =
            HeaderValue::from_str(value).expect("ids, numbers and our own words are plain ASCII");
        self.response.headers_mut().insert(name, value);
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.response
    }
}
