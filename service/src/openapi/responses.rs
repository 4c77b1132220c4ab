//! The answers that every port shares, and their form.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Array, Content, Header, ObjectBuilder, Ref, RefOr, Response, Schema, Type},
};

use super::{examples, reference};
use crate::{
    problem::{PROBLEM_JSON, Problem},
    problems,
};

const SHARED: [StatusCode; 13] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The answers that operations refer to, by name.
pub(super) fn shared() -> BTreeMap<String, RefOr<Response>> {
    let named = SHARED.into_iter().map(|status| {
        let known = problems::of_status(status).expect("every shared status is explained");
        let mut response = Response::new(format!("{}. {}", known.title, known.meaning));
        give_form(status, &mut response, "/path");
        (name(status), RefOr::T(response))
    });
    named.collect()
}

/// Adds what can be refused besides what was declared, and gives declared refusals their form.
pub(super) fn complete(
    path: &str,
    responses: &mut BTreeMap<String, RefOr<Response>>,
    refusals: &[StatusCode],
) {
    for (status, response) in responses.iter_mut() {
        let status = status
            .parse::<u16>()
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        match (status, response) {
            (Some(status), RefOr::T(response)) if is_error(status) => {
                give_form(status, response, path);
            }
            _ => {}
        }
    }
    for status in refusals {
        responses
            .entry(status.as_str().to_owned())
            .or_insert_with(|| Ref::from_response_name(name(*status)).into());
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn name(status: StatusCode) -> String {
    status
        .canonical_reason()
        .unwrap_or("Problem")
        .replace(' ', "")
}

fn give_form(status: StatusCode, response: &mut Response, path: &str) {
    response.content.clear();
    let mut content = Content::new(Some(reference("Problem")));
    examples::show(&mut content, status, &response.description, path);
    response
        .content
        .insert(PROBLEM_JSON.to_owned(), content.into());
    let headers: &[_] = match status {
        StatusCode::UNAUTHORIZED => &[("WWW-Authenticate", Type::String, "`Bearer`")],
        StatusCode::METHOD_NOT_ALLOWED => {
            &[("Allow", Type::String, "The methods that the path has")]
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => &[(
            "Retry-After",
            Type::Integer,
            "Seconds after which to come back",
        )],
        _ => &[],
    };
    for (name, kind, description) in headers {
        let mut header = Header::new(ObjectBuilder::new().schema_type(kind.clone()));
        header.description = Some((*description).to_owned());
        response.headers.insert((*name).to_owned(), header.into());
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(description))
        };
        ObjectBuilder::new()
            .description(Some(
                "Why a request was refused (RFC 9457). Kinds may have further members, such as `available`",
            ))
            .property(
                "type",
                text("The kind; resolves to a page that explains it"),
            )
            .required("type")
            .property("title", text("The name of the kind"))
            .required("title")
            .property(
                "status",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .description(Some("The status of the answer")),
            )
            .required("status")
            .property("detail", text("What is the matter this time"))
            .required("detail")
            .property("instance", text("The path that was asked for"))
            .required("instance")
            .property("errors", Array::new(reference("FieldError")))
            .into()
    }
}

impl ToSchema for Problem {}
