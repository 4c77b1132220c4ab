//! An order's payment: each asking of the gateway is recorded before it is made, and paid once.

use serde::{Deserialize, Serialize};

use crate::card::{Card, DeclineCode};
use crate::id::{AttemptId, OrderId, PaymentId, UserId};
use crate::money::Money;
use crate::{Aggregate, aggregate};

/// What may be wished for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask the gateway.
    Attempt {
        /// For which order.
        order_id: OrderId,
        /// Who pays.
        user_id: UserId,
        /// This asking; its idempotency key.
        attempt_id: AttemptId,
        /// How much.
        amount: Money,
        /// With what.
        card: Card,
    },
    /// The gateway took the money.
    Succeed {
        /// The asking that was answered.
        attempt_id: AttemptId,
    },
    /// The gateway declined.
    Decline {
        /// The asking that was answered.
        attempt_id: AttemptId,
        /// Why.
        code: DeclineCode,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The gateway is about to be asked.
    Attempted {
        /// For which order.
        order_id: OrderId,
        /// Who pays.
        user_id: UserId,
        /// This asking; its idempotency key.
        attempt_id: AttemptId,
        /// How much.
        amount: Money,
        /// With what.
        card: Card,
    },
    /// The gateway took the money. Says all that was paid, for those who hear of nothing else.
    Succeeded {
        /// The asking that was answered.
        attempt_id: AttemptId,
        /// Which order is paid.
        order_id: OrderId,
        /// Who paid.
        user_id: UserId,
        /// How much.
        amount: Money,
    },
    /// The gateway declined.
    Declined {
        /// The asking that was answered.
        attempt_id: AttemptId,
        /// Why.
        code: DeclineCode,
    },
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The answer to another asking is awaited.
    #[error("a payment of this order is in progress")]
    InProgress {
        /// That asking.
        attempt_id: AttemptId,
    },
    /// The money was taken.
    #[error("this order is paid already")]
    AlreadyPaid,
    /// No such asking is open.
    #[error("no such payment attempt is open")]
    NoSuchAttempt,
}

/// What the last asking was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// For which order.
    pub order_id: OrderId,
    /// Who pays.
    pub user_id: UserId,
    /// How much.
    pub amount: Money,
    /// With what.
    pub card: Card,
}

/// A payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payment {
    /// Nobody tried yet.
    #[default]
    New,
    /// The gateway was asked; its answer is not known.
    Attempting {
        /// What about.
        details: Details,
        /// By this asking.
        attempt_id: AttemptId,
    },
    /// The gateway declined; it may be tried again.
    Declined {
        /// What it declined.
        details: Details,
        /// The asking that it answered.
        attempt_id: AttemptId,
        /// Why.
        code: DeclineCode,
    },
    /// The gateway took the money.
    Paid {
        /// What for.
        details: Details,
        /// The asking that it answered.
        attempt_id: AttemptId,
    },
}

impl Payment {
    /// What the last asking was about, once there was one.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        match self {
            Payment::New => None,
            Payment::Attempting { details, .. }
            | Payment::Declined { details, .. }
            | Payment::Paid { details, .. } => Some(details),
        }
    }
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    type Id = PaymentId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (
                Payment::Attempting {
                    attempt_id: open, ..
                },
                Command::Attempt { attempt_id, .. },
            ) => {
                if *open == attempt_id {
                    return Ok(vec![]); // said twice, asked once
                }
                Err(Error::InProgress { attempt_id: *open })
            }
            (
                Payment::Declined {
                    attempt_id: declined,
                    ..
                },
                Command::Attempt { attempt_id, .. },
            ) if *declined == attempt_id => {
                Err(Error::NoSuchAttempt) // an answered asking can't be asked again
            }
            (Payment::Paid { .. }, Command::Attempt { .. }) => Err(Error::AlreadyPaid),
            (
                Payment::New | Payment::Declined { .. },
                Command::Attempt {
                    order_id,
                    user_id,
                    attempt_id,
                    amount,
                    card,
                },
            ) => Ok(vec![Event::Attempted {
                order_id,
                user_id,
                attempt_id,
                amount,
                card,
            }]),

            (
                Payment::Attempting {
                    details,
                    attempt_id: open,
                },
                Command::Succeed { attempt_id },
            ) if *open == attempt_id => Ok(vec![Event::Succeeded {
                attempt_id,
                order_id: details.order_id,
                user_id: details.user_id,
                amount: details.amount,
            }]),
            (
                Payment::Attempting {
                    attempt_id: open, ..
                },
                Command::Decline { attempt_id, code },
            ) if *open == attempt_id => Ok(vec![Event::Declined { attempt_id, code }]),
            (
                Payment::Declined {
                    attempt_id: declined,
                    ..
                },
                Command::Decline { attempt_id, .. },
            ) if *declined == attempt_id => {
                Ok(vec![]) // said twice, declined once
            }
            (
                Payment::Paid {
                    attempt_id: paid, ..
                },
                Command::Succeed { attempt_id },
            ) if *paid == attempt_id => {
                Ok(vec![]) // said twice, paid once
            }
            (Payment::Paid { .. }, Command::Succeed { .. } | Command::Decline { .. }) => {
                Err(Error::AlreadyPaid)
            }
            (
                Payment::New | Payment::Attempting { .. } | Payment::Declined { .. },
                Command::Succeed { .. } | Command::Decline { .. },
            ) => Err(Error::NoSuchAttempt),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event.clone()) {
            (
                _,
                Event::Attempted {
                    order_id,
                    user_id,
                    attempt_id,
                    amount,
                    card,
                },
            ) => {
                let details = Details {
                    order_id,
                    user_id,
                    amount,
                    card,
                };
                *self = Payment::Attempting {
                    details,
                    attempt_id,
                };
            }
            (Payment::Attempting { details, .. }, Event::Succeeded { attempt_id, .. }) => {
                *self = Payment::Paid {
                    details: details.clone(),
                    attempt_id,
                };
            }
            (Payment::Attempting { details, .. }, Event::Declined { attempt_id, code }) => {
                *self = Payment::Declined {
                    details: details.clone(),
                    attempt_id,
                    code,
                };
            }
            (
                Payment::New | Payment::Declined { .. } | Payment::Paid { .. },
                Event::Succeeded { .. } | Event::Declined { .. },
            ) => {} // no history goes so
        }
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Attempted { .. } => "attempted",
            Event::Succeeded { .. } => "succeeded",
            Event::Declined { .. } => "declined",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Attempted { .. } | Event::Declined { .. } => "1",
            // Version 1 said no more than the attempt.
            Event::Succeeded { .. } => "2",
        }
    }
}

#[cfg(test)]
mod tests;
