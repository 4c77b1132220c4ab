//! Every refusal, in the one form that callers see: `application/problem+json` (RFC 9457).

use std::fmt;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problems;

#[cfg(test)]
mod tests;

/// The media type of every error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What most fallible things of an HTTP process answer.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// A refusal on its way to the caller. Holds nothing that the caller may not see.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: Option<String>,
    instance: Option<String>,
    errors: Vec<FieldError>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field in the body; for path and query parameters `/` and the parameter's name
    #[schema(example = "/price")]
    pub pointer: String,
    /// what it must be
    #[schema(example = "must have at most 2 decimal places")]
    pub detail: String,
}

impl FieldError {
    /// Of the field at `pointer` (`/price`).
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

impl Problem {
    /// A refusal of its own kind. The slug must stand in [`problems::ALL`].
    #[must_use]
    pub fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        debug_assert!(
            problems::find(slug).is_some(),
            "the problem {slug} must be explained in service's problems.rs"
        );
        Self(Box::new(Parts {
            status,
            slug,
            title,
            detail: None,
            instance: None,
            errors: Vec::new(),
            more: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// 400: what was sent can't be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::common(StatusCode::BAD_REQUEST, problems::MALFORMED).detail(detail)
    }

    /// 401: no token, or one that is not good.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::common(StatusCode::UNAUTHORIZED, problems::UNAUTHORIZED).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"online-mart\""),
        )
    }

    /// 403: known, but not allowed to.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::common(StatusCode::FORBIDDEN, problems::FORBIDDEN)
    }

    /// 404: there is none, or it is not the caller's.
    #[must_use]
    pub fn not_found(slug: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, slug, title)
    }

    /// 409: the state does not permit it.
    #[must_use]
    pub fn conflict(slug: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, slug, title)
    }

    /// 412: `If-Match` names another version.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::common(StatusCode::PRECONDITION_FAILED, problems::STALE)
    }

    /// 422: understood, but values are not what they must be.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::common(StatusCode::UNPROCESSABLE_ENTITY, problems::INVALID);
        if let [only] = errors.as_slice() {
            let name = only.pointer.trim_start_matches('/');
            problem.0.detail = Some(match name {
                "" => only.detail.clone(),
                name => format!("{name}: {}", only.detail),
            });
        }
        problem.0.errors = errors;
        problem
    }

    /// 429: too often; come back in so many seconds.
    #[must_use]
    pub fn too_many(retry_after: u64) -> Self {
        Self::common(StatusCode::TOO_MANY_REQUESTS, problems::TOO_MANY).retry_after(retry_after)
    }

    /// 500: a fault of ours. Says nothing about it.
    #[must_use]
    pub fn internal() -> Self {
        Self::common(StatusCode::INTERNAL_SERVER_ERROR, problems::INTERNAL)
    }

    /// 503: not now; come back in a second.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::common(StatusCode::SERVICE_UNAVAILABLE, problems::UNAVAILABLE)
            .detail(detail)
            .retry_after(1)
    }

    /// What is the matter this time, for a person.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// One more field that is wrong.
    #[must_use]
    pub fn error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(FieldError::new(pointer, detail));
        self
    }

    /// A further member of the answer, such as `available`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.0.more.insert(key.to_owned(), value);
        self
    }

    /// Tells the caller when to come back.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A header of the answer; a second one of the same name replaces the first.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(known, _)| *known != name);
        self.0.headers.push((name, value));
        self
    }

    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The last part of `type`.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        self.0.slug
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// What a bare answer of this status means, where nobody said more.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match problems::of_status(status) {
            Some(known) => Self::common(status, known),
            None if status.is_server_error() => Self::common(status, problems::INTERNAL),
            None => Self::common(status, problems::MALFORMED),
        }
    }

    /// Names the path that was asked for.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.0.instance = Some(path.to_owned());
        self
    }

    pub(crate) fn common(status: StatusCode, known: problems::Known) -> Self {
        Self::new(status, known.slug, known.title)
    }
}

/// A fault that nobody branches on: logged here, once, and answered with a bare 500.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self::internal()
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.title)?;
        match &self.0.detail {
            Some(detail) => write!(formatter, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {self}", self.0.status, self.0.slug)?;
        formatter.debug_list().entries(&self.0.errors).finish()
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let parts = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", parts.slug))?;
        map.serialize_entry("title", parts.title)?;
        map.serialize_entry("status", &parts.status.as_u16())?;
        match (&parts.detail, problems::find(parts.slug)) {
            (Some(detail), _) => map.serialize_entry("detail", detail)?,
            (None, Some(known)) => map.serialize_entry("detail", known.meaning)?,
            (None, None) => map.serialize_entry("detail", parts.title)?,
        }
        if let Some(instance) = &parts.instance {
            map.serialize_entry("instance", instance)?;
        }
        if !parts.errors.is_empty() {
            map.serialize_entry("errors", &parts.errors)?;
        }
        for (key, value) in &parts.more {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is plain JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in &self.0.headers {
            headers.insert(name.clone(), value.clone());
        }
        // The outermost layer fills in the path and writes the body anew.
        response.extensions_mut().insert(self);
        response
    }
}
