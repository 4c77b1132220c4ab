//! One port: a service's routes, and what every port has besides.

use std::time::Duration;

use axum::{Extension, Router, http::StatusCode, middleware, routing::get};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Common,
    body::Json,
    health, metrics,
    observe::{self, Edge, TIMEOUT},
    openapi,
    problem::Problem,
    problems,
    service::Service,
};

mod elsewhere;
#[cfg(test)]
mod tests;

/// The router of a port: `routes` of the service, plus `GET /`, docs, health, metrics, problems, and the layers.
pub fn port(service: Service, routes: OpenApiRouter, common: &Common) -> Router {
    port_of_part(service, routes, Vec::new(), common)
}

/// The same for a process that serves a part of the service, while others behind the same proxy serve the rest: `whole`
/// are the pages of all that the service has. This port shows all of it; to an operation that is served elsewhere it
/// answers 405, and says which methods the path has.
pub fn port_of_part(
    service: Service,
    routes: OpenApiRouter,
    whole: Vec<OpenApi>,
    common: &Common,
) -> Router {
    bounded(service, routes, whole, common, TIMEOUT)
}

fn bounded(
    service: Service,
    own: OpenApiRouter,
    whole: Vec<OpenApi>,
    common: &Common,
    timeout: Duration,
) -> Router {
    metrics::install();
    let (router, served) = OpenApiRouter::new()
        .routes(routes!(root))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::render))
        .merge(own)
        .split_for_parts();
    let api = whole.into_iter().fold(served.clone(), OpenApi::merge_from);
    router
        .merge(elsewhere::routes(&api, &served))
        .merge(openapi::pages(&openapi::complete(api, service)))
        .route("/problems", get(problems::list))
        .route("/problems/{slug}", get(problems::explain))
        .fallback(async || Problem::of_status(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || Problem::of_status(StatusCode::METHOD_NOT_ALLOWED))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(Extension(service))
        .layer(Extension(common.readiness().clone()))
        .layer(middleware::from_fn_with_state(
            Edge::new(service, common, timeout),
            observe::observe,
        ))
}

/// Answer of `GET /`.
#[derive(Serialize, ToSchema)]
struct About {
    /// the service's name
    #[schema(example = "order")]
    service: &'static str,
    /// `ok`
    #[schema(example = "ok")]
    status: &'static str,
    /// of the program
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Name
///
/// Which service answers on this port.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "The service", body = About)))]
async fn root(Extension(service): Extension<Service>) -> Json<About> {
    Json(About {
        service: service.name(),
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}
