//! The payment gateway: asked once an attempt stands in the log, with the attempt's id as idempotency key.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use domain::card::{Card, DeclineCode, TestCard};
use domain::id::AttemptId;
use domain::money::Money;
use sha2::{Digest as _, Sha256};

/// What a gateway is asked to charge. The number and the CVV are not in it: they never leave the request.
#[derive(Clone, Debug)]
pub struct Charge {
    /// The idempotency key: the same id is charged at most once and always gets the same outcome.
    pub attempt_id: AttemptId,
    /// How much.
    pub amount: Money,
    /// Which card, as far as it may be told.
    pub card: Card,
}

/// A gateway's word on one attempt. It does not change when asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money was taken.
    Approved,
    /// It was not, and why.
    Declined(DeclineCode),
}

/// A gateway's answer, some day.
pub type Answering<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>> + Send + 'a>>;

/// Whoever takes the money. An error means *unknown*, never *declined*.
pub trait Gateway: Send + Sync + 'static {
    /// Charges, or tells again what came of it.
    fn charge(&self, charge: Charge) -> Answering<'_>;
}

/// Asks and waits no longer than the deadline; `None` is *unknown*, to be asked again.
pub async fn ask(gateway: &dyn Gateway, charge: Charge, deadline: Duration) -> Option<Outcome> {
    let attempt = charge.attempt_id;
    match tokio::time::timeout(deadline, gateway.charge(charge)).await {
        Ok(Ok(outcome)) => Some(outcome),
        Ok(Err(error)) => {
            tracing::warn!(%attempt, %error, "the gateway failed; the attempt stays open");
            None
        }
        Err(_) => {
            tracing::warn!(%attempt, "the gateway did not answer in time; the attempt stays open");
            None
        }
    }
}

/// A gateway that asks nobody: its answer is a pure function of seed, attempt and card, the same on every machine and
/// in every order of asking.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedGateway {
    success_rate: f64,
    seed: u64,
}

impl SimulatedGateway {
    /// A gateway that approves this share (0 to 1) of the charges that no test card decides.
    #[must_use]
    pub fn new(success_rate: f64, seed: u64) -> Self {
        Self { success_rate, seed }
    }

    /// What this gateway says to that charge.
    #[must_use]
    pub fn outcome(&self, attempt_id: AttemptId, card: &Card) -> Outcome {
        match TestCard::of(card.brand, &card.last4) {
            Some(TestCard::AlwaysSucceeds) => Outcome::Approved,
            Some(TestCard::Declines(code)) => Outcome::Declined(code),
            Some(TestCard::RateBound) | None if self.draws_success(attempt_id, card) => {
                Outcome::Approved
            }
            Some(TestCard::RateBound) | None => Outcome::Declined(DeclineCode::GenericDecline),
        }
    }

    fn draws_success(&self, attempt_id: AttemptId, card: &Card) -> bool {
        let told = format!("{}/{attempt_id}/{}/{}", self.seed, card.brand, card.last4);
        let hash = Sha256::digest(told.as_bytes());
        let draw = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        f64::from(draw) / 4_294_967_296.0 < self.success_rate
    }
}

impl Gateway for SimulatedGateway {
    fn charge(&self, charge: Charge) -> Answering<'_> {
        Box::pin(std::future::ready(Ok(
            self.outcome(charge.attempt_id, &charge.card)
        )))
    }
}

impl fmt::Debug for dyn Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Gateway")
    }
}
