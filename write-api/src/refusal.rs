//! Refusals: what the shop says no with. Every word of the business stands here beside its status.

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{account, card, claim, order, payment, product, session, stock};
use event_store::{ExecuteError, Halt};
use service::{FieldError, Problem, problems};

use crate::passwords;

/// A no, as the caller is told it.
#[derive(Clone, Debug)]
pub struct Refusal(Problem);

/// What a handler answers: an answer, or a refusal.
pub type Result<T> = std::result::Result<T, Refusal>;

/// What a decision comes to: something decided, or why it stopped.
pub(crate) type Halted<T> = std::result::Result<T, Halt<Refusal>>;

impl Refusal {
    /// There is none, or it is not the caller's.
    pub(crate) fn not_found(slug: &'static str) -> Self {
        Self::known(StatusCode::NOT_FOUND, slug)
    }

    /// The state does not permit it.
    pub(crate) fn conflict(slug: &'static str) -> Self {
        Self::known(StatusCode::CONFLICT, slug)
    }

    /// The same words for an unknown user and a wrong password.
    pub(crate) fn bad_credentials() -> Self {
        Self::unauthorized("bad-credentials")
    }

    /// A refresh token that is none, is used up, or is too old.
    pub(crate) fn bad_refresh_token() -> Self {
        Self::unauthorized("bad-refresh-token")
    }

    /// Something that no request can bring about: a fault of ours, which the log tells and the caller does not see.
    pub(crate) fn broken(error: impl Display) -> Self {
        tracing::error!(%error, "a command met a state that it can't meet");
        Self(Problem::internal())
    }

    /// A kind of problem on the visible list, which knows its title.
    pub(crate) fn known(status: StatusCode, slug: &'static str) -> Self {
        let title = problems::find(slug).map_or(slug, |known| known.title);
        Self(Problem::new(status, slug, title))
    }

    fn unauthorized(slug: &'static str) -> Self {
        let how = HeaderValue::from_static("Bearer realm=\"online-mart\"");
        let Self(problem) = Self::known(StatusCode::UNAUTHORIZED, slug);
        Self(problem.header(header::WWW_AUTHENTICATE, how))
    }

    /// What is the matter this time.
    pub(crate) fn detail(self, detail: impl Display) -> Self {
        Self(self.0.detail(detail.to_string()))
    }

    /// A further member of the answer.
    pub(crate) fn with(self, key: &str, value: impl serde::Serialize) -> Self {
        Self(self.0.with(key, value))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<product::Error> for Refusal {
    fn from(error: product::Error) -> Self {
        match error {
            product::Error::NotFound => Self::not_found("product-not-found"),
            product::Error::NotOffered => Self::conflict("product-not-offered"),
            product::Error::AlreadyExists => Self::broken(error),
        }
    }
}

impl From<stock::Error> for Refusal {
    fn from(error: stock::Error) -> Self {
        match error {
            stock::Error::NotFound => Self::not_found("stock-not-found"),
            stock::Error::AlreadyOpen => Self::conflict("stock-exists"),
            stock::Error::BelowReserved { reserved } => Self::conflict("stock-below-reserved")
                .detail(error)
                .with("reserved", reserved),
            stock::Error::TooLow | stock::Error::TooHigh => {
                Self::conflict("stock-out-of-range").detail(error)
            }
            stock::Error::Insufficient { available } => Self::conflict("insufficient-stock")
                .detail(error)
                .with("available", available),
            stock::Error::Retired => Self::conflict("stock-retired"),
            stock::Error::NotReserved => Self::broken(error),
        }
    }
}

impl From<order::Error> for Refusal {
    fn from(error: order::Error) -> Self {
        match error {
            // A foreign order answers as an unknown one: nobody learns which ids exist.
            order::Error::NotFound | order::Error::NotYours => Self::not_found("order-not-found"),
            order::Error::AlreadyPaid => Self::conflict("order-already-paid"),
            order::Error::PaymentInProgress { .. } => Self::conflict("payment-in-progress"),
            order::Error::AlreadyPlaced | order::Error::NoSuchAttempt => Self::broken(error),
        }
    }
}

impl From<payment::Error> for Refusal {
    fn from(error: payment::Error) -> Self {
        match error {
            payment::Error::InProgress { .. } => Self::conflict("payment-in-progress"),
            payment::Error::AlreadyPaid => Self::conflict("order-already-paid"),
            payment::Error::NoSuchAttempt => Self::broken(error),
        }
    }
}

impl From<card::CardError> for Refusal {
    fn from(error: card::CardError) -> Self {
        let pointer = format!("/{}", error.field());
        Problem::invalid(vec![FieldError::new(pointer, error.to_string())]).into()
    }
}

impl From<account::Error> for Refusal {
    fn from(error: account::Error) -> Self {
        match error {
            account::Error::NotFound => Self::not_found("user-not-found"),
            account::Error::AlreadyRegistered | account::Error::CustomerForGood => {
                Self::broken(error)
            }
        }
    }
}

impl From<claim::Error> for Refusal {
    fn from(error: claim::Error) -> Self {
        match error {
            claim::Error::Taken {
                kind: claim::Kind::Username,
            } => Self::conflict("username-taken"),
            claim::Error::Taken {
                kind: claim::Kind::Email,
            } => Self::conflict("email-taken"),
        }
    }
}

impl From<session::Error> for Refusal {
    fn from(error: session::Error) -> Self {
        match error {
            session::Error::NotFound | session::Error::WrongSecret | session::Error::Expired => {
                Self::bad_refresh_token()
            }
            session::Error::AlreadyStarted => Self::broken(error),
        }
    }
}

impl From<passwords::Error> for Refusal {
    fn from(error: passwords::Error) -> Self {
        match error {
            passwords::Error::Busy => Problem::unavailable(error.to_string())
                .retry_after(2)
                .into(),
            passwords::Error::Failed(cause) => {
                Self::broken(format_args!("hashing a password failed: {cause:#}"))
            }
        }
    }
}

impl From<ExecuteError<Refusal>> for Refusal {
    fn from(error: ExecuteError<Refusal>) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal,
            ExecuteError::Conflict => {
                Problem::unavailable("too many change the same thing at once").into()
            }
            ExecuteError::Unavailable(cause) => Self::store_unavailable(&cause),
        }
    }
}

impl Refusal {
    /// The database does not answer: unknown, to be asked again later.
    pub(crate) fn store_unavailable(cause: &anyhow::Error) -> Self {
        tracing::error!(
            error = format!("{cause:#}"),
            "the event store is unavailable"
        );
        Problem::unavailable("the event store does not answer")
            .retry_after(2)
            .into()
    }
}
