//! What refusals look like: for each status, and each kind that an operation names, one that it can really answer.

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::{Content, example::Example};

use crate::{
    problem::{FieldError, Problem},
    problems::{self, Known},
};

const ID: &str = "0198c0de-0000-7000-8000-000000000001";

/// Puts into `content` what a refusal with this status and description looks like at this path.
pub(super) fn show(content: &mut Content, status: StatusCode, description: &str, path: &str) {
    let path = path.replace("{id}", ID).replace(['{', '}'], "");
    let kinds = kinds(status, description);
    let looks = |known: Known| value(status, known, description, &path);
    match kinds.as_slice() {
        [] => {}
        [only] => content.example = Some(looks(*only)),
        several => {
            for known in several {
                let example = Example::builder()
                    .summary(known.title)
                    .value(Some(looks(*known)))
                    .build();
                content
                    .examples
                    .insert(known.slug.to_owned(), example.into());
            }
        }
    }
}

/// The kinds that a description names (`` `stock-exists` ``, or in words), else what a bare answer of the status means.
fn kinds(status: StatusCode, description: &str) -> Vec<Known> {
    let quoted = description.split('`').skip(1).step_by(2);
    let mut kinds: Vec<Known> = quoted.filter_map(problems::find).copied().collect();
    for (words, known) in [
        ("cursor", problems::BAD_CURSOR),
        ("consistency token", problems::BAD_CONSISTENCY_TOKEN),
        ("Not ready", problems::NOT_READY),
    ] {
        if kinds.iter().all(|kind| kind.slug != known.slug) && description.contains(words) {
            kinds.push(known);
        }
    }
    if kinds.is_empty() {
        kinds.extend(problems::of_status(status));
    }
    kinds
}

fn value(status: StatusCode, known: Known, description: &str, path: &str) -> Value {
    let problem = match known.slug {
        "invalid" if description.contains("UUID") => invalid("/id", "must be a UUID"),
        "invalid" => invalid("/colour", "is not a known field"),
        _ => Problem::common(status, known),
    };
    let problem = match known.slug {
        "insufficient-stock" => problem.with("available", 3),
        "stock-below-reserved" => problem.with("reserved", 2),
        "payment-declined" => problem
            .with("decline_code", "insufficient_funds")
            .with("payment_status", "FAILED")
            .with("payment_id", ID)
            .with("order_id", ID),
        "not-ready" => problem.with("failing", json!({"postgres": "does not answer"})),
        _ => problem,
    };
    serde_json::to_value(problem.at(path)).expect("a problem is plain JSON")
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::new(pointer, detail)])
}
