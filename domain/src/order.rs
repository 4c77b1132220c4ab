//! An order: one product, so many of it, at the price of that moment. Its customer may change or cancel it until it is
//! paid, but not while a payment of it is open.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::card::DeclineCode;
use crate::id::{AttemptId, OrderId, PaymentId, ProductId, UserId};
use crate::money::{Money, Price};
use crate::quantity::Quantity;
use crate::text::{Address, Notes};
use crate::{Aggregate, aggregate};

pub use paying::PaymentState;

mod paying;

/// What may be wished for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Order a product.
    Place {
        /// Which.
        product_id: ProductId,
        /// Who orders.
        user_id: UserId,
        /// How many.
        quantity: Quantity,
        /// What one costs now.
        unit_price: Price,
        /// Where it goes.
        shipping_address: Address,
        /// What else we should know.
        customer_notes: Option<Notes>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Order otherwise, as a whole; the price stays.
    Change {
        /// Who says so.
        by: UserId,
        /// How many.
        quantity: Quantity,
        /// Where it goes.
        shipping_address: Address,
        /// What else we should know.
        customer_notes: Option<Notes>,
    },
    /// Not order after all.
    Cancel {
        /// Who says so.
        by: UserId,
    },
    /// Begin to pay.
    StartPayment {
        /// Who says so.
        by: UserId,
        /// The order's payment.
        payment_id: PaymentId,
        /// The asking of the gateway.
        attempt_id: AttemptId,
    },
    /// It is paid.
    Complete {
        /// The order's payment.
        payment_id: PaymentId,
        /// The asking that was answered.
        attempt_id: AttemptId,
    },
    /// The payment was declined.
    FailPayment {
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
    /// A product was ordered.
    Placed {
        /// Which.
        product_id: ProductId,
        /// Who ordered.
        user_id: UserId,
        /// How many.
        quantity: Quantity,
        /// What one cost then.
        unit_price: Price,
        /// Where it goes.
        shipping_address: Address,
        /// What else we should know.
        customer_notes: Option<Notes>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was ordered otherwise.
    Changed {
        /// How many.
        quantity: Quantity,
        /// Where it goes.
        shipping_address: Address,
        /// What else we should know.
        customer_notes: Option<Notes>,
    },
    /// It was not ordered after all.
    Cancelled {},
    /// A payment was begun.
    PaymentStarted {
        /// The order's payment.
        payment_id: PaymentId,
        /// The asking of the gateway.
        attempt_id: AttemptId,
    },
    /// The payment was declined.
    PaymentFailed {
        /// The asking that was answered.
        attempt_id: AttemptId,
        /// Why.
        code: DeclineCode,
    },
    /// It is paid.
    Completed {
        /// The order's payment.
        payment_id: PaymentId,
        /// The asking that was answered.
        attempt_id: AttemptId,
    },
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none, or none any more.
    #[error("there is no such order")]
    NotFound,
    /// It is another's; to whom asks it is as if there were none.
    #[error("there is no such order")]
    NotYours,
    /// It was placed before.
    #[error("this order is placed already")]
    AlreadyPlaced,
    /// It is paid and stands.
    #[error("this order is paid already")]
    AlreadyPaid,
    /// Whether it is paid is not known yet.
    #[error("a payment of this order is in progress")]
    PaymentInProgress {
        /// The open asking of the gateway.
        attempt_id: AttemptId,
    },
    /// No such asking of the gateway is open.
    #[error("no such payment attempt is open for this order")]
    NoSuchAttempt,
}

/// What was ordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Which product.
    pub product_id: ProductId,
    /// Who ordered.
    pub user_id: UserId,
    /// How many.
    pub quantity: Quantity,
    /// What one cost at the time of ordering.
    pub unit_price: Price,
    /// Where it goes.
    pub shipping_address: Address,
    /// What else we should know.
    pub customer_notes: Option<Notes>,
    /// When it was ordered.
    pub placed_at: DateTime<Utc>,
}

/// An order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Not placed yet.
    #[default]
    New,
    /// Placed and not paid.
    Placed {
        /// What was ordered.
        details: Details,
        /// How far its paying is.
        payment: PaymentState,
    },
    /// Paid.
    Paid {
        /// What was ordered.
        details: Details,
        /// The asking that succeeded.
        attempt_id: AttemptId,
    },
    /// Cancelled: as if it had never been.
    Cancelled,
}

impl Order {
    /// What was ordered, while it stands.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        match self {
            Order::New | Order::Cancelled => None,
            Order::Placed { details, .. } | Order::Paid { details, .. } => Some(details),
        }
    }
}

impl Details {
    /// What it costs altogether.
    #[must_use]
    pub fn total(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}

impl Aggregate for Order {
    const TYPE: &'static str = "order";
    type Id = OrderId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        use Command::{Cancel, Change, Complete, FailPayment, Place, StartPayment};
        use Order::{Cancelled, New, Paid, Placed};

        match (self, command) {
            (
                New,
                Place {
                    product_id,
                    user_id,
                    quantity,
                    unit_price,
                    shipping_address,
                    customer_notes,
                    at,
                },
            ) => Ok(vec![Event::Placed {
                product_id,
                user_id,
                quantity,
                unit_price,
                shipping_address,
                customer_notes,
                at,
            }]),
            (Placed { .. } | Paid { .. } | Cancelled, Place { .. }) => Err(Error::AlreadyPlaced),
            (
                New | Cancelled,
                Change { .. }
                | Cancel { .. }
                | StartPayment { .. }
                | Complete { .. }
                | FailPayment { .. },
            ) => Err(Error::NotFound),

            (
                Placed { details, .. } | Paid { details, .. },
                Change { by, .. } | Cancel { by } | StartPayment { by, .. },
            ) if details.user_id != by => Err(Error::NotYours),

            (
                Placed { payment, .. },
                Change {
                    quantity,
                    shipping_address,
                    customer_notes,
                    ..
                },
            ) => {
                payment.not_in_progress()?;
                Ok(self.changed(Event::Changed {
                    quantity,
                    shipping_address,
                    customer_notes,
                }))
            }
            (Placed { payment, .. }, Cancel { .. }) => {
                payment.not_in_progress()?;
                Ok(vec![Event::Cancelled {}])
            }
            (
                Placed { payment, .. },
                StartPayment {
                    payment_id,
                    attempt_id,
                    ..
                },
            ) => payment.start(payment_id, attempt_id),
            (
                Placed { payment, .. },
                Complete {
                    payment_id,
                    attempt_id,
                },
            ) => payment.complete(payment_id, attempt_id),
            (Placed { payment, .. }, FailPayment { attempt_id, code }) => {
                payment.fail(attempt_id, code)
            }

            (
                Paid {
                    attempt_id: paid, ..
                },
                Complete { attempt_id, .. },
            ) if *paid == attempt_id => Ok(vec![]), // said twice
            (
                Paid { .. },
                Change { .. }
                | Cancel { .. }
                | StartPayment { .. }
                | Complete { .. }
                | FailPayment { .. },
            ) => Err(Error::AlreadyPaid),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event.clone()) {
            (
                _,
                Event::Placed {
                    product_id,
                    user_id,
                    quantity,
                    unit_price,
                    shipping_address,
                    customer_notes,
                    at,
                },
            ) => {
                let details = Details {
                    product_id,
                    user_id,
                    quantity,
                    unit_price,
                    shipping_address,
                    customer_notes,
                    placed_at: at,
                };
                *self = Order::Placed {
                    details,
                    payment: PaymentState::Pending,
                };
            }
            (
                Order::Placed { details, .. },
                Event::Changed {
                    quantity,
                    shipping_address,
                    customer_notes,
                },
            ) => {
                details.quantity = quantity;
                details.shipping_address = shipping_address;
                details.customer_notes = customer_notes;
            }
            (Order::Placed { .. }, Event::Cancelled {}) => *self = Order::Cancelled,
            (Order::Placed { payment, .. }, Event::PaymentStarted { attempt_id, .. }) => {
                *payment = PaymentState::InProgress { attempt_id };
            }
            (Order::Placed { payment, .. }, Event::PaymentFailed { attempt_id, .. }) => {
                *payment = PaymentState::Failed { attempt_id };
            }
            (Order::Placed { details, .. }, Event::Completed { attempt_id, .. }) => {
                *self = Order::Paid {
                    details: details.clone(),
                    attempt_id,
                };
            }
            (
                Order::New | Order::Paid { .. } | Order::Cancelled,
                Event::Changed { .. }
                | Event::Cancelled {}
                | Event::PaymentStarted { .. }
                | Event::PaymentFailed { .. }
                | Event::Completed { .. },
            ) => {} // no history goes so
        }
    }
}

impl Order {
    /// Nothing is changed by saying what is so.
    fn changed(&self, event: Event) -> Vec<Event> {
        let mut after = self.clone();
        after.evolve(&event);
        if after == *self { vec![] } else { vec![event] }
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Placed { .. } => "placed",
            Event::Changed { .. } => "changed",
            Event::Cancelled {} => "cancelled",
            Event::PaymentStarted { .. } => "payment-started",
            Event::PaymentFailed { .. } => "payment-failed",
            Event::Completed { .. } => "completed",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Placed { .. }
            | Event::Changed { .. }
            | Event::Cancelled {}
            | Event::PaymentStarted { .. }
            | Event::PaymentFailed { .. }
            | Event::Completed { .. } => "1",
        }
    }
}

#[cfg(test)]
mod tests;
