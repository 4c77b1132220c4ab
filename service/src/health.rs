//! Is the process alive, and can it work?

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Extension, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::Json,
    problem::{Problem, Result},
    problems,
};

#[cfg(test)]
mod tests;

/// The parts of the process that must work for it to serve. Cheap to clone; ready as long as no part says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Option<String>>>>);

impl Readiness {
    /// Says of a part that it works, or why it does not (in words for the operator: they are shown).
    pub fn set(&self, part: &'static str, state: Result<(), impl Into<String>>) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part, state.err().map(Into::into));
    }

    /// The parts that do not work, each with its reason; empty when the process is ready.
    #[must_use]
    pub fn failing(&self) -> BTreeMap<&'static str, String> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = parts
            .iter()
            .filter_map(|(part, state)| Some((*part, state.clone()?)));
        failing.collect()
    }

    /// Whether every part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.failing().is_empty()
    }
}

/// Answer of the health pages.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    #[schema(example = "ok")]
    status: &'static str,
}

/// Alive
///
/// The process answers; nothing else is asked.
#[utoipa::path(get, path = "/health/live", tag = "service", responses((status = 200, description = "Alive", body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ready
///
/// Every part of the process can work.
#[utoipa::path(get, path = "/health/ready", tag = "service", responses(
    (status = 200, description = "Ready", body = Health),
    (status = 503, description = "Not ready: `failing` names the parts and why"),
))]
pub(crate) async fn ready(Extension(readiness): Extension<Readiness>) -> Result<Json<Health>> {
    let failing = readiness.failing();
    if failing.is_empty() {
        return Ok(Json(Health { status: "ok" }));
    }
    let names: Vec<_> = failing.keys().copied().collect();
    Err(
        Problem::common(StatusCode::SERVICE_UNAVAILABLE, problems::NOT_READY)
            .detail(format!("not ready: {}", names.join(", ")))
            .retry_after(1)
            .with("failing", failing),
    )
}
