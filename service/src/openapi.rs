//! The OpenAPI page of a port: what handlers declare, completed in one place by what holds for all of them.

use std::collections::HashSet;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::Response,
    routing::get,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, License, OpenApi, PathItem, Ref, RefOr, SecurityRequirement, Server,
        path::{Operation, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    problem::{FieldError, Problem},
    service::Service,
};

mod examples;
mod responses;
#[cfg(test)]
mod tests;

/// The name of the security scheme: `security(("bearer" = []))`.
const BEARER: &str = "bearer";

const DESCRIPTION: &str = "Every error is answered as `application/problem+json`: `type` leads to a page that explains it. \
An unknown path is a 404, a method that a path does not have a 405 with `Allow`, a body of another media type a 415, \
one above 64 KiB a 413, one that does not arrive within 20 seconds a 408, and a field or parameter that is not known a 422, as is any text with U+0000.\n\n\
Each answer carries `X-Request-Id`, the caller's own or a new one. Writes answer with `ETag`, the version of what was \
written (to be sent in `If-Match`), and `Consistency-Token`: a read that sends it along waits until it shows that write. Callers need it only to \
read what another caller wrote; their own writes show in their next read without it. A token that is none is a 400 on \
any request. A `traceparent` (W3C Trace Context) that a write sends along is kept with what it wrote. `HEAD` works wherever `GET` does.";

/// Completes what the handlers declared.
pub(crate) fn complete(mut api: OpenApi, service: Service) -> OpenApi {
    api.info = Info::new(
        format!("Online Mart: {service}"),
        env!("CARGO_PKG_VERSION").to_owned(),
    );
    api.info.description = Some(DESCRIPTION.to_owned());
    let mut license = License::new("MIT");
    license.identifier = Some("MIT".to_owned());
    api.info.license = Some(license);
    api.servers = Some(vec![Server::new("/")]);

    let mut seen = HashSet::new();
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            let name = operation
                .operation_id
                .clone()
                .unwrap_or_else(|| method.to_owned());
            if !seen.insert(name) {
                let unique = format!("{method}{}", path.replace(['/', '{', '}'], "_"));
                seen.insert(unique.clone());
                operation.operation_id = Some(unique);
            }
            if operation.tags.as_ref().is_none_or(Vec::is_empty) {
                operation.tags = Some(vec![service.name().to_owned()]);
            }
            let refusals = refusals(operation);
            responses::complete(path, &mut operation.responses.responses, &refusals);
        }
    }
    let components = api.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    components
        .schemas
        .insert(FieldError::name().into_owned(), FieldError::schema());
    components.responses.extend(responses::shared());
    components
        .security_schemes
        .insert(BEARER.to_owned(), bearer().into());
    api
}

/// What an operation can be refused with, by what it takes.
fn refusals(operation: &Operation) -> Vec<StatusCode> {
    let mut refusals = vec![
        StatusCode::BAD_REQUEST,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let none = SecurityRequirement::default();
    let securities = operation.security.iter().flatten();
    if securities.into_iter().any(|security| *security != none) {
        refusals.push(StatusCode::UNAUTHORIZED);
    }
    if operation.request_body.is_some() {
        refusals.extend([
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
    }
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        match (&parameter.parameter_in, parameter.name.as_str()) {
            (ParameterIn::Path, _) => {
                refusals.extend([StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY]);
            }
            (ParameterIn::Query, _) => refusals.push(StatusCode::UNPROCESSABLE_ENTITY),
            (ParameterIn::Header, "If-Match") => refusals.push(StatusCode::PRECONDITION_FAILED),
            _ => {}
        }
    }
    refusals
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token of `POST /user/login`"))
        .build();
    SecurityScheme::Http(scheme)
}

/// `/openapi.json`, and `/docs`, which shows it without asking any other host.
pub(crate) fn pages(api: &OpenApi) -> Router {
    let json = Bytes::from(serde_json::to_vec(api).expect("an OpenAPI page is plain JSON"));
    let config = Config::from("/openapi.json").validator_url("none");
    Router::from(SwaggerUi::new("/docs").config(config))
        .layer(map_response(only_from_here))
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], json)),
        )
}

/// Whatever the page tries, the browser asks this host alone.
async fn only_from_here(mut response: Response) -> Response {
    const POLICY: &str =
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'";
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn reference(name: &str) -> Ref {
    Ref::from_schema_name(name)
}
