use serde::{Deserialize, Serialize};

use super::{Error, Event};
use crate::card::DeclineCode;
use crate::id::{AttemptId, PaymentId};

/// How far the paying of a placed order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentState {
    /// Nobody tried yet.
    Pending,
    /// The gateway was asked.
    InProgress {
        /// By this asking.
        attempt_id: AttemptId,
    },
    /// The gateway declined; it may be tried again.
    Failed {
        /// This asking.
        attempt_id: AttemptId,
    },
}

impl PaymentState {
    pub(super) fn not_in_progress(self) -> Result<(), Error> {
        match self {
            PaymentState::InProgress { attempt_id } => Err(Error::PaymentInProgress { attempt_id }),
            PaymentState::Pending | PaymentState::Failed { .. } => Ok(()),
        }
    }

    pub(super) fn start(
        self,
        payment_id: PaymentId,
        attempt_id: AttemptId,
    ) -> Result<Vec<Event>, Error> {
        match self {
            PaymentState::InProgress { attempt_id: open } if open == attempt_id => Ok(vec![]), // said twice
            PaymentState::InProgress { attempt_id } => Err(Error::PaymentInProgress { attempt_id }),
            // What was answered can't be asked again.
            PaymentState::Failed {
                attempt_id: answered,
            } if answered == attempt_id => Err(Error::NoSuchAttempt),
            PaymentState::Pending | PaymentState::Failed { .. } => {
                Ok(vec![Event::PaymentStarted {
                    payment_id,
                    attempt_id,
                }])
            }
        }
    }

    pub(super) fn complete(
        self,
        payment_id: PaymentId,
        attempt_id: AttemptId,
    ) -> Result<Vec<Event>, Error> {
        match self {
            PaymentState::InProgress { attempt_id: open } if open == attempt_id => {
                Ok(vec![Event::Completed {
                    payment_id,
                    attempt_id,
                }])
            }
            PaymentState::Pending
            | PaymentState::InProgress { .. }
            | PaymentState::Failed { .. } => Err(Error::NoSuchAttempt),
        }
    }

    pub(super) fn fail(
        self,
        attempt_id: AttemptId,
        code: DeclineCode,
    ) -> Result<Vec<Event>, Error> {
        match self {
            PaymentState::InProgress { attempt_id: open } if open == attempt_id => {
                Ok(vec![Event::PaymentFailed { attempt_id, code }])
            }
            PaymentState::Failed {
                attempt_id: answered,
            } if answered == attempt_id => Ok(vec![]), // said twice
            PaymentState::Pending
            | PaymentState::InProgress { .. }
            | PaymentState::Failed { .. } => Err(Error::NoSuchAttempt),
        }
    }
}
