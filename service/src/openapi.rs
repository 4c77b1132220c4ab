//! The OpenAPI page of a port.

use axum::Router;
use utoipa::openapi::OpenApi;

use crate::service::Service;

pub(crate) fn complete(api: OpenApi, _service: Service) -> OpenApi {
    api
}

pub(crate) fn pages(_api: OpenApi) -> Router {
    Router::new()
}
