//! Bodies: JSON objects and login forms, read strictly and refused with the field's name.

use std::{fmt, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor},
};

use crate::{
    extract::{parameters, refuse_nul},
    field,
    problem::{FieldError, Problem, Result},
    problems,
};

#[cfg(test)]
mod tests;

/// The largest body that is read.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The longest that a body may take to arrive. Shorter than the request's own time, so that the client learns whose
/// fault it was.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is read and thrown away beyond the limit, so that a client that is still sending gets the answer.
const DRAIN_LIMIT: usize = 4 * 1024 * 1024;

/// A JSON object, from a caller or to one. Types that are read should `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A form as browsers send it. Types that are read should `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        if !is_json(&media_type(request.headers())) {
            return Err(unsupported("the body must be application/json"));
        }
        parse(&read(request, PATIENCE).await?).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        if media_type(request.headers()) != "application/x-www-form-urlencoded" {
            return Err(unsupported(
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        parameters(&read(request, PATIENCE).await?).map(Self)
    }
}

/// Reads the whole body, or says that it is too large or too slow.
async fn read(request: Request, patience: Duration) -> Result<Bytes> {
    let (parts, mut body) = request.into_parts();
    let announced = content_length(&parts.headers).unwrap_or(0);
    if announced > BODY_LIMIT && parts.headers.contains_key(header::EXPECT) {
        return Err(too_large()); // the client waits for our word before it sends
    }
    let mut seen = 0;
    let mut bytes = Vec::with_capacity(announced.min(BODY_LIMIT));
    let late = tokio::time::Instant::now() + patience;
    loop {
        let frame = match tokio::time::timeout_at(late, body.frame()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_) if seen > BODY_LIMIT => break,
            Err(_) => return Err(too_slow()),
        };
        let frame = frame.map_err(|_| Problem::malformed("the body broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= BODY_LIMIT {
            bytes.extend_from_slice(&data);
        } else if seen > DRAIN_LIMIT {
            break;
        }
    }
    if seen > BODY_LIMIT {
        return Err(too_large());
    }
    Ok(Bytes::from(bytes))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Err(Problem::malformed("the body is empty"));
    };
    check(bytes)?;
    if *first != b'{' {
        return Err(Problem::invalid(vec![FieldError::new(
            "",
            "the body must be a JSON object",
        )]));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        Problem::invalid(vec![field::error(error.path(), &error.inner().to_string())])
    })
}

/// Is it JSON at all, and free of U+0000? What holds for every body comes before what holds for this one.
fn check(bytes: &[u8]) -> Result<()> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let broken =
        |error: &serde_json::Error| Problem::malformed(format!("the body is not JSON: {error}"));
    match serde_path_to_error::deserialize::<_, Sound>(&mut json) {
        Ok(Sound) => json.end().map_err(|error| broken(&error)),
        Err(error) if error.inner().is_data() => Err(Problem::invalid(vec![field::error(
            error.path(),
            &error.inner().to_string(),
        )])),
        Err(error) => Err(broken(error.inner())),
    }
}

/// Any JSON whose strings have no U+0000.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Sound)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> std::result::Result<Self, E> {
        refuse_nul(text).map(|()| self).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<Self, A::Error> {
        while fields.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn unsupported(detail: &str) -> Problem {
    Problem::common(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        problems::UNSUPPORTED_MEDIA_TYPE,
    )
    .detail(detail)
}

/// The rest may come later, or never: nothing else can be asked on this connection (RFC 9110, 15.5.9).
fn too_slow() -> Problem {
    Problem::common(StatusCode::REQUEST_TIMEOUT, problems::TOO_SLOW)
        .header(header::CONNECTION, HeaderValue::from_static("close"))
}

fn too_large() -> Problem {
    Problem::common(StatusCode::PAYLOAD_TOO_LARGE, problems::TOO_LARGE)
}
