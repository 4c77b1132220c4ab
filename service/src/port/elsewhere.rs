//! Operations of the service that another process serves.

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
    routing::{MethodFilter, on},
};
use utoipa::openapi::{OpenApi, PathItem};

use crate::problem::Problem;

/// Routes for what stands on the page `whole` and is not `served` here. Beside those that are, they complete `Allow`.
pub(super) fn routes(whole: &OpenApi, served: &OpenApi) -> Router {
    let mut routes = Router::new();
    for (path, item) in &whole.paths.paths {
        let here = served.paths.paths.get(path).map(methods);
        let here: Vec<_> = here.into_iter().flatten().collect();
        let all: Vec<_> = methods(item).collect();
        let allow = HeaderValue::try_from(
            all.iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(","),
        )
        .expect("methods are words in ASCII");
        for (_, method) in all.iter().filter(|method| !here.contains(method)) {
            let allow = allow.clone();
            let elsewhere = async move || not_here(allow);
            routes = routes.route(path, on(*method, elsewhere));
        }
    }
    routes
}

/// Only who comes around the proxy is told so.
fn not_here(allow: HeaderValue) -> impl IntoResponse {
    (
        [(header::ALLOW, allow)],
        Problem::of_status(StatusCode::METHOD_NOT_ALLOWED),
    )
}

/// The methods that a path has, as `Allow` names them. Whoever answers GET answers HEAD.
fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, MethodFilter)> {
    [
        ("GET,HEAD", MethodFilter::GET, &item.get),
        ("PUT", MethodFilter::PUT, &item.put),
        ("POST", MethodFilter::POST, &item.post),
        ("DELETE", MethodFilter::DELETE, &item.delete),
        ("PATCH", MethodFilter::PATCH, &item.patch),
    ]
    .into_iter()
    .filter_map(|(name, filter, operation)| operation.as_ref().map(|_| (name, filter)))
}
