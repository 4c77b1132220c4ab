//! The outermost layer of a port: names the request, bounds it in time, counts it, writes its one log line, and gives
//! every error answer its form.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use crate::{
    Common,
    caller::bearer,
    consistency::{Wrote, set_token, told},
    extract::{Peer, RequestId, X_REQUEST_ID},
    metrics,
    problem::Problem,
    service::Service,
};

/// The longest that a request may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What the layer knows of its port.
#[derive(Clone)]
pub(crate) struct Edge {
    service: Service,
    common: Common,
    timeout: Duration,
}

impl Edge {
    pub(crate) fn new(service: Service, common: &Common, timeout: Duration) -> Self {
        Self {
            service,
            common: common.clone(),
            timeout,
        }
    }
}

pub(crate) async fn observe(
    State(edge): State<Edge>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let peer = Peer::arriving(&request, edge.common.proxies());
    request.extensions_mut().insert(peer);
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let span = tracing::info_span!("request", id = id.0);

    let answer = async {
        match told(request.headers()) {
            Ok(_) => next.run(request).await,
            Err(refused) => refused.into_response(),
        }
    };
    let answered = tokio::time::timeout(edge.timeout, answer.instrument(span)).await;
    let mut response =
        answered.unwrap_or_else(|_| Problem::unavailable("this took too long").into_response());

    if let Some(wrote) = response.extensions_mut().remove::<Wrote>() {
        set_token(&mut response, &wrote.token);
        let user = wrote.user.or_else(|| user_of(&edge.common, authorization));
        edge.common
            .recent_writes()
            .record(user, peer.0, &wrote.token);
    }
    let mut response = in_form(response, &path);
    if let Ok(value) = HeaderValue::try_from(&id.0) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }

    let status = response.status();
    let took = started.elapsed();
    metrics::count(edge.service, route, &method, status, took);
    let (service, status) = (edge.service.name(), status.as_u16());
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::info!(service, %method, route, status, micros, request_id = id.0, "answered");
    } else {
        tracing::debug!(service, %method, route, status, micros, request_id = id.0, "answered");
    }
    response
}

/// Answer to a request whose handler panicked. The panic itself is logged by its hook.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal().into_response()
}

fn user_of(common: &Common, authorization: Option<HeaderValue>) -> Option<uuid::Uuid> {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, authorization?)]);
    Some(bearer(common, &headers).ok()??.user_id)
}

/// Every error answer becomes a problem that names the path, also where a library wrote it.
fn in_form(mut response: Response, path: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let known = response.extensions_mut().remove::<Problem>();
    let foreign = known.is_none();
    let mut answer = known
        .unwrap_or_else(|| Problem::of_status(status))
        .at(path)
        .into_response();
    answer.extensions_mut().remove::<Problem>();
    *answer.status_mut() = status;
    for (name, value) in response.headers() {
        let of_body = name == header::CONTENT_LENGTH
            || name == header::CONTENT_TYPE
            || name == header::CONTENT_ENCODING;
        if !of_body && (foreign || !answer.headers().contains_key(name)) {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}
