//! What the process counts, in Prometheus' text format.

use std::{sync::OnceLock, thread, time::Duration};

use axum::{
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::service::Service;

const DURATION: &str = "http_request_duration_seconds";
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Starts counting. Asking again changes nothing: there is one recorder in a process.
pub fn install() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS)
            .expect("there are buckets")
            .install_recorder()
            .expect("nobody else in the process installs a recorder");
        metrics::describe_counter!("http_requests_total", "Requests answered.");
        metrics::describe_histogram!(DURATION, metrics::Unit::Seconds, "How long answers took.");
        let upkeep = handle.clone();
        // Samples pile up until they are folded into buckets, also when nobody scrapes.
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                loop {
                    thread::sleep(Duration::from_secs(5));
                    upkeep.run_upkeep();
                }
            })
            .expect("a process that serves can start a thread");
        handle
    })
}

/// Counts one answer.
pub(crate) fn count(
    service: Service,
    route: &str,
    method: &Method,
    status: StatusCode,
    took: Duration,
) {
    let labels = [
        ("service", service.name().to_owned()),
        ("route", route.to_owned()),
        ("method", known(method).to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!(DURATION, &labels[..3]).record(took);
}

/// Methods are the caller's words: others than these must not become labels without end.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Metrics
///
/// What the process has counted since its start, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain"),
))]
pub(crate) async fn render() -> Response {
    let text = install().render();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}
