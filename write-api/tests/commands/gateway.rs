//! A gateway that does what a test wants, and the simulated one.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use domain::card::{Card, CardNumber, DeclineCode};
use domain::id::AttemptId;
use uuid::Uuid;
use write_api::{Answering, Charge, Gateway, Outcome, SimulatedGateway};

/// What the test gateway does when asked.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Approves,
    Declines(DeclineCode),
    Fails,
    Hangs,
    ApprovesAfter(Duration),
    DeclinesAfter(Duration, DeclineCode),
}

/// A gateway in a mood, which remembers who asked.
pub(crate) struct TestGateway {
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Charge>>,
}

impl TestGateway {
    pub(crate) fn that(mood: Mood) -> Self {
        Self {
            mood: Mutex::new(mood),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn now(&self, mood: Mood) {
        *self.mood.lock().expect("no test panicked with it") = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().expect("no test panicked with it").len()
    }

    /// How many different attempts it was asked about.
    pub(crate) fn attempts(&self) -> usize {
        let asked = self.asked.lock().expect("no test panicked with it");
        asked
            .iter()
            .map(|charge| charge.attempt_id)
            .collect::<HashSet<_>>()
            .len()
    }
}

impl Gateway for TestGateway {
    fn charge(&self, charge: Charge) -> Answering<'_> {
        self.asked
            .lock()
            .expect("no test panicked with it")
            .push(charge);
        let mood = *self.mood.lock().expect("no test panicked with it");
        Box::pin(async move {
            match mood {
                Mood::Approves => Ok(Outcome::Approved),
                Mood::Declines(code) => Ok(Outcome::Declined(code)),
                Mood::Fails => Err(anyhow::anyhow!("the line is dead")),
                Mood::Hangs => std::future::pending().await,
                Mood::ApprovesAfter(pause) => {
                    tokio::time::sleep(pause).await;
                    Ok(Outcome::Approved)
                }
                Mood::DeclinesAfter(pause, code) => {
                    tokio::time::sleep(pause).await;
                    Ok(Outcome::Declined(code))
                }
            }
        })
    }
}

fn card(number: &str) -> Card {
    let number: CardNumber = number.parse().expect("a test card");
    Card {
        brand: number.brand(),
        last4: number.last4(),
    }
}

fn attempts(number: u128) -> impl Iterator<Item = AttemptId> {
    (0..number).map(|n| AttemptId::from(Uuid::from_u128(n * 7_919 + 1)))
}

#[test]
fn listed_cards_have_the_outcome_that_they_are_listed_with() {
    let never = SimulatedGateway::new(0.0, 0);
    for (number, outcome) in [
        ("4000000000000077", Outcome::Approved),
        (
            "4000000000000002",
            Outcome::Declined(DeclineCode::GenericDecline),
        ),
        (
            "4000000000009995",
            Outcome::Declined(DeclineCode::InsufficientFunds),
        ),
        (
            "4000000000000069",
            Outcome::Declined(DeclineCode::ExpiredCard),
        ),
        (
            "4000000000000127",
            Outcome::Declined(DeclineCode::IncorrectCvc),
        ),
        (
            "4000000000000119",
            Outcome::Declined(DeclineCode::ProcessingError),
        ),
    ] {
        for attempt in attempts(20) {
            assert_eq!(never.outcome(attempt, &card(number)), outcome);
        }
    }
}

#[test]
fn other_cards_succeed_at_the_rate_and_always_the_same_way() {
    let gateway = SimulatedGateway::new(0.9, 42);
    for number in ["4242424242424242", "5555555555554444", "378282246310005"] {
        let outcomes: Vec<_> = attempts(5_000)
            .map(|attempt| gateway.outcome(attempt, &card(number)))
            .collect();
        let again: Vec<_> = attempts(5_000)
            .map(|attempt| gateway.outcome(attempt, &card(number)))
            .collect();
        assert_eq!(outcomes, again);
        let approved = outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Approved)
            .count();
        assert!((4_400..4_600).contains(&approved), "{approved} of 5000");
    }
    let all = SimulatedGateway::new(1.0, 0);
    let none = SimulatedGateway::new(0.0, 0);
    for attempt in attempts(500) {
        assert_eq!(
            all.outcome(attempt, &card("4242424242424242")),
            Outcome::Approved
        );
        assert_ne!(
            none.outcome(attempt, &card("4242424242424242")),
            Outcome::Approved
        );
    }
}

#[test]
fn another_seed_draws_otherwise() {
    let outcomes = |seed| {
        let gateway = SimulatedGateway::new(0.5, seed);
        attempts(100)
            .map(|attempt| gateway.outcome(attempt, &card("4242424242424242")))
            .collect::<Vec<_>>()
    };
    assert_ne!(outcomes(0), outcomes(1));
}
