//! What a handler takes from the request line, the headers and the connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{
        ConnectInfo, FromRequestParts, RawPathParams, Request, path::ErrorKind,
        rejection::PathRejection,
    },
    http::{Extensions, HeaderMap, HeaderName, header, request::Parts},
};
use serde::de::DeserializeOwned;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};
use uuid::Uuid;

use crate::{
    field,
    problem::{FieldError, Problem, Result},
    proxies::TrustedProxies,
};

#[cfg(test)]
mod tests;

/// The header that names a request, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Parameters of the path; one that can't be is a 422.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// Parameters of the query; types that are read should `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// The version that `If-Match` asks for; none when the header is missing or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

/// The name of this request, given by the caller or made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// The caller's address: of the other end of the connection, or, where that is a proxy that we trust, as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::invalid(vec![FieldError::new("", "the path must be UTF-8")]))?;
        for (name, value) in &raw {
            refuse_nul(value)
                .map_err(|detail| Problem::invalid(vec![field::error_at(name, detail)]))?;
        }
        let first = raw.iter().next().map(|(name, _)| name.to_owned());
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => {
                Err(bad_path(failed.into_kind(), &first.unwrap_or_default()))
            }
            Err(rejection) => Err(anyhow::Error::new(rejection).into()),
        }
    }
}

fn bad_path(kind: ErrorKind, first: &str) -> Problem {
    let error = match kind {
        ErrorKind::ParseErrorAtKey {
            key, expected_type, ..
        } => FieldError::new(format!("/{key}"), field::must_be(expected_type)),
        ErrorKind::ParseErrorAtIndex { expected_type, .. }
        | ErrorKind::ParseError { expected_type, .. } => {
            FieldError::new(format!("/{first}"), field::must_be(expected_type))
        }
        ErrorKind::DeserializeError { key, message, .. } => field::error_at(&key, &message),
        ErrorKind::Message(message) => field::error_at(first, &message),
        other => return anyhow::anyhow!("a route and its handler disagree: {other}").into(),
    };
    Problem::invalid(vec![error])
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parameters(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// Reads `name=value&…`, from a query or a form.
pub(crate) fn parameters<T: DeserializeOwned>(encoded: &[u8]) -> Result<T> {
    for (name, value) in form_urlencoded::parse(encoded) {
        refuse_nul(&name)
            .and(refuse_nul(&value))
            .map_err(|detail| Problem::invalid(vec![field::error_at(&name, detail)]))?;
    }
    let parameters = serde_urlencoded::Deserializer::new(form_urlencoded::parse(encoded));
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        Problem::invalid(vec![field::error(error.path(), &error.inner().to_string())])
    })
}

/// Postgres can't keep U+0000, and nobody's name has one.
pub(crate) fn refuse_nul(text: &str) -> Result<(), &'static str> {
    if text.contains('\0') {
        return Err("must not contain U+0000");
    }
    Ok(())
}

impl IfMatch {
    /// No version of anything: for a well-formed entity tag that is none of ours.
    const NO_VERSION: i64 = -1;

    /// Refuses with 412 when another version was asked for than the current one.
    pub fn check(self, current: i64) -> Result<()> {
        match self.0 {
            Some(asked) if asked != current => Err(Problem::precondition_failed()),
            _ => Ok(()),
        }
    }

    fn parse(value: &str) -> Result<Self> {
        let value = value.trim();
        if value == "*" {
            return Ok(Self(None));
        }
        if value.strip_prefix("W/").is_some_and(is_entity_tag) {
            return Ok(Self(Some(Self::NO_VERSION))); // weak tags never match (RFC 9110, 13.1.1)
        }
        if !is_entity_tag(value) {
            return Err(Problem::malformed("If-Match must be one entity tag or *"));
        }
        let tag = value.trim_matches('"');
        // A product's read says whether it can be had; a change is based on the version alone.
        let version = tag.strip_suffix("-in").or_else(|| tag.strip_suffix("-out"));
        let version = version.unwrap_or(tag).parse();
        Ok(Self(Some(version.unwrap_or(Self::NO_VERSION))))
    }
}

fn is_entity_tag(value: &str) -> bool {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|tag| !tag.contains(['"', ' ']))
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        match only(&parts.headers, &header::IF_MATCH)? {
            Some(value) => Self::parse(value),
            None => Ok(Self(None)),
        }
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header_parameter(
            "If-Match",
            "The `ETag` that the change is based on; another current version is a 412",
        )]
    }
}

/// An optional text header of an operation.
pub(crate) fn header_parameter(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The header's value, if it is there. Twice, or not in ASCII, is a 400.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Problem::malformed(format!(
            "the header {name} must be there once, in ASCII"
        ))),
    }
}

impl RequestId {
    /// The caller's name for the request when it is sane, else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let sane = |text: &&str| {
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match given.filter(sane) {
            Some(text) => Self(text.to_owned()),
            None => Self(Uuid::now_v7().to_string()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let given = parts.extensions.get::<Self>().cloned();
        Ok(given.unwrap_or_else(|| Self::of(&parts.headers)))
    }
}

impl Peer {
    /// Whose request this is, which has just arrived; the layer around all routes keeps it for the extractor.
    pub(crate) fn arriving(request: &Request, proxies: &TrustedProxies) -> Self {
        let Self(end) = Self::of_connection(request.extensions());
        Self(proxies.caller(end, request.headers()))
    }

    pub(crate) fn of(extensions: &Extensions) -> Self {
        let known = extensions.get::<Self>().copied();
        known.unwrap_or_else(|| Self::of_connection(extensions))
    }

    fn of_connection(extensions: &Extensions) -> Self {
        match extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(address)) => Self(address.ip().to_canonical()),
            None => Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}
