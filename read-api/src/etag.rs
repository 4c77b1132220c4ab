//! A single thing's answer: with its version, or only with the word that the caller has it already.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use service::Json;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

/// The versions that the caller has, as `If-None-Match` names them.
#[derive(Debug, Clone, Default)]
pub struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// 200 with the body and its entity tag, or 304 when the caller has it.
    pub(crate) fn answer(&self, tag: &str, body: impl Serialize) -> Response {
        let tag = format!("\"{tag}\"");
        let mut response = if self.has(&tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Json(body).into_response()
        };
        let headers = response.headers_mut();
        // A copy may be kept, but is asked about each time.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            header::ETAG,
            HeaderValue::try_from(tag).expect("numbers and our own words are plain ASCII"),
        );
        response
    }

    /// Whether one of the tags is ours; weak ones count (RFC 9110, 13.1.2).
    fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|known| {
            let known = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || known == tag
        })
    }

    fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::IF_NONE_MATCH).iter();
        let tags = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(|tag| tag.trim().to_owned());
        Self(tags.collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` of a copy that the caller has; still the current one: 304";
        let parameter = ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(known: &[&'static str], tag: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        for line in known {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
        }
        let response = IfNoneMatch::of(&headers).answer(tag, ());
        assert_eq!(response.headers()[header::ETAG], format!("\"{tag}\""));
        response.status()
    }

    #[test]
    fn a_copy_that_is_current_is_not_sent_again() {
        assert_eq!(status(&["\"7\""], "7"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&["W/\"7\""], "7"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&["\"6\", \"7\""], "7"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&["\"6\"", "\"7\""], "7"), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&["*"], "7"), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn any_other_copy_is_replaced() {
        assert_eq!(status(&[], "7"), StatusCode::OK);
        assert_eq!(status(&["\"6\""], "7"), StatusCode::OK);
        assert_eq!(status(&["7"], "7"), StatusCode::OK);
        assert_eq!(status(&["\"7\""], "7-out"), StatusCode::OK);
    }
}
