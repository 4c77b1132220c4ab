//! Every kind of refusal that the shop knows, on one list, and the page that explains each.

use std::fmt::Write;

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::{
    extract::Path,
    problem::{Problem, Result},
};

#[cfg(test)]
mod tests;

/// One kind of refusal: the last part of `type`, its name, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// the last part of `type`
    pub slug: &'static str,
    /// the name of the kind
    pub title: &'static str,
    /// what it means and what to do
    pub meaning: &'static str,
}

const fn known(slug: &'static str, title: &'static str, meaning: &'static str) -> Known {
    Known {
        slug,
        title,
        meaning,
    }
}

pub(crate) const MALFORMED: Known = known(
    "malformed",
    "Malformed request",
    "The request can't be read: broken JSON, or a header of the wrong form.",
);
pub(crate) const BAD_CURSOR: Known = known(
    "bad-cursor",
    "Bad cursor",
    "The cursor is not one that this list gave out. Start again without it.",
);
pub(crate) const BAD_CONSISTENCY_TOKEN: Known = known(
    "bad-consistency-token",
    "Bad consistency token",
    "The Consistency-Token header is not one that a write answered with.",
);
pub(crate) const UNAUTHORIZED: Known = known(
    "unauthorized",
    "Unauthorized",
    "This needs a good access token: Authorization: Bearer, from POST /user/login.",
);
pub(crate) const FORBIDDEN: Known = known(
    "forbidden",
    "Forbidden",
    "The caller is known, but may not do this. A newly granted role applies from the next login or refresh.",
);
pub(crate) const NOT_FOUND: Known = known(
    "not-found",
    "Not found",
    "There is nothing at this path. GET /docs lists what there is.",
);
pub(crate) const METHOD_NOT_ALLOWED: Known = known(
    "method-not-allowed",
    "Method not allowed",
    "The path exists, but not for this method. The Allow header lists those that it has.",
);
pub(crate) const TOO_SLOW: Known = known(
    "too-slow",
    "Request timed out",
    "The body did not arrive within 20 seconds. Content-Length may promise more than was sent.",
);
pub(crate) const STALE: Known = known(
    "stale",
    "Precondition failed",
    "If-Match names a version that is no longer the current one. Read it again, then decide.",
);
pub(crate) const TOO_LARGE: Known = known(
    "too-large",
    "Body too large",
    "The body is larger than 64 KiB.",
);
pub(crate) const UNSUPPORTED_MEDIA_TYPE: Known = known(
    "unsupported-media-type",
    "Unsupported media type",
    "The Content-Type header is not the one that this operation reads.",
);
pub(crate) const INVALID: Known = known(
    "invalid",
    "Invalid value",
    "The request was understood, but values in it are not what they must be; errors names them.",
);
pub(crate) const TOO_MANY: Known = known(
    "too-many-requests",
    "Too many requests",
    "This was tried too often. Come back after the seconds in the Retry-After header.",
);
pub(crate) const INTERNAL: Known = known(
    "internal",
    "Internal error",
    "Something broke on this side. The X-Request-Id header helps to find out what.",
);
pub(crate) const UNAVAILABLE: Known = known(
    "unavailable",
    "Unavailable",
    "Not possible right now. Come back after the seconds in the Retry-After header.",
);
pub(crate) const NOT_READY: Known = known(
    "not-ready",
    "Not ready",
    "The process is starting, stopping or misses something; failing names the parts.",
);

/// The visible list. A kind that is not here may not be answered.
pub const ALL: &[Known] = &[
    MALFORMED,
    BAD_CURSOR,
    BAD_CONSISTENCY_TOKEN,
    UNAUTHORIZED,
    known(
        "bad-credentials",
        "Bad credentials",
        "No user has this name and this password.",
    ),
    known(
        "bad-refresh-token",
        "Bad refresh token",
        "The refresh token was used already, has expired or never existed. Log in again.",
    ),
    known(
        "payment-declined",
        "Payment declined",
        "The payment was declined; decline_code says why. The order stays payable.",
    ),
    FORBIDDEN,
    NOT_FOUND,
    known(
        "product-not-found",
        "Product not found",
        "There is no product with this id, or it was deleted.",
    ),
    known(
        "stock-not-found",
        "Stock record not found",
        "There is no stock record with this id.",
    ),
    known(
        "order-not-found",
        "Order not found",
        "The caller has no order with this id.",
    ),
    known(
        "payment-not-found",
        "Payment not found",
        "The caller has no payment with this id.",
    ),
    known("user-not-found", "User not found", "There is no such user."),
    known(
        "event-not-found",
        "Event not found",
        "The log has no event at this position.",
    ),
    known(
        "projection-not-found",
        "Projection not found",
        "There is no projection of this name. GET /projections lists them.",
    ),
    known(
        "rebuild-not-found",
        "Not being rebuilt",
        "The projection is not being rebuilt, so there is nothing to cancel.",
    ),
    known(
        "problem-not-found",
        "Problem not found",
        "There is no kind of problem of this name. GET /problems lists them.",
    ),
    METHOD_NOT_ALLOWED,
    TOO_SLOW,
    known(
        "product-not-offered",
        "Product not offered",
        "The product exists, but is not offered at present.",
    ),
    known(
        "insufficient-stock",
        "Insufficient stock",
        "Fewer units are free than were asked for; available says how many.",
    ),
    known(
        "stock-exists",
        "Stock record exists",
        "The product has a stock record already. PUT sets its level, an adjustment adds or takes.",
    ),
    known(
        "stock-below-reserved",
        "Below what is reserved",
        "The level can't be set below what orders have reserved.",
    ),
    known(
        "stock-out-of-range",
        "Stock out of range",
        "The level would leave 0 to 1,000,000,000, or fall below what is reserved.",
    ),
    known(
        "stock-retired",
        "Stock retired",
        "The product was deleted; its stock record takes no new reservation.",
    ),
    known(
        "order-already-paid",
        "Order already paid",
        "A paid order can't be changed or deleted.",
    ),
    known(
        "payment-in-progress",
        "Payment in progress",
        "A payment of this order is under way; its outcome is not known yet. Try again in a moment.",
    ),
    known(
        "rebuild-running",
        "Being rebuilt already",
        "The projection is being rebuilt; GET /projections shows how far it is. Cancel that one, or wait for its end.",
    ),
    known(
        "no-way-back",
        "No way back",
        "The projection has no previous tables, or they were made by another version of the program.",
    ),
    known(
        "username-taken",
        "Username taken",
        "Another user has this name, perhaps in another case.",
    ),
    known(
        "email-taken",
        "E-mail address taken",
        "Another user has this address, perhaps in another case.",
    ),
    STALE,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID,
    TOO_MANY,
    INTERNAL,
    UNAVAILABLE,
    NOT_READY,
];

/// The kind of this name.
#[must_use]
pub fn find(slug: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.slug == slug)
}

/// What a bare answer of this status means.
pub(crate) fn of_status(status: StatusCode) -> Option<Known> {
    match status {
        StatusCode::BAD_REQUEST => Some(MALFORMED),
        StatusCode::UNAUTHORIZED => Some(UNAUTHORIZED),
        StatusCode::FORBIDDEN => Some(FORBIDDEN),
        StatusCode::NOT_FOUND => Some(NOT_FOUND),
        StatusCode::METHOD_NOT_ALLOWED => Some(METHOD_NOT_ALLOWED),
        StatusCode::REQUEST_TIMEOUT => Some(TOO_SLOW),
        StatusCode::PRECONDITION_FAILED => Some(STALE),
        StatusCode::PAYLOAD_TOO_LARGE => Some(TOO_LARGE),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(UNSUPPORTED_MEDIA_TYPE),
        StatusCode::UNPROCESSABLE_ENTITY => Some(INVALID),
        StatusCode::TOO_MANY_REQUESTS => Some(TOO_MANY),
        StatusCode::INTERNAL_SERVER_ERROR => Some(INTERNAL),
        StatusCode::SERVICE_UNAVAILABLE => Some(UNAVAILABLE),
        _ => None,
    }
}

/// `GET /problems`
pub(crate) async fn list() -> Response {
    let mut body = String::from("<h1>Problems</h1>\n<ul>\n");
    for known in ALL {
        let _ = writeln!(
            body,
            "<li><a href=\"/problems/{}\">{}</a></li>",
            known.slug, known.title
        );
    }
    body.push_str("</ul>\n");
    page("Problems", &body)
}

/// `GET /problems/{slug}`
pub(crate) async fn explain(Path(slug): Path<String>) -> Result<Response> {
    let known =
        find(&slug).ok_or_else(|| Problem::not_found("problem-not-found", "Problem not found"))?;
    let body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n<p><a href=\"/problems\">All problems</a></p>\n",
        known.title, known.meaning
    );
    Ok(page(known.title, &body))
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title} · Online Mart</title>\n{body}</html>\n"
    );
    ([(header::CACHE_CONTROL, "max-age=3600")], Html(html)).into_response()
}
