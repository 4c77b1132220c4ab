use serde_json::json;
use uuid::Uuid;

use super::{Command, Details, Error, Event, Payment};
use crate::card::{Brand, Card, DeclineCode};
use crate::id::{AttemptId, OrderId, UserId};
use crate::money::Money;
use crate::testing::{self, Given, stored_as, stored_as_version, text};

const CODE: DeclineCode = DeclineCode::GenericDecline;

fn given(history: impl IntoIterator<Item = Event>) -> Given<Payment> {
    testing::given(history)
}

fn order() -> OrderId {
    Uuid::from_u128(1).into()
}

fn alice() -> UserId {
    Uuid::from_u128(2).into()
}

fn first() -> AttemptId {
    Uuid::from_u128(3).into()
}

fn second() -> AttemptId {
    Uuid::from_u128(4).into()
}

fn card() -> Card {
    Card {
        brand: Brand::Visa,
        last4: text("4242"),
    }
}

fn attempt(attempt_id: AttemptId, minor: i64) -> Command {
    Command::Attempt {
        order_id: order(),
        user_id: alice(),
        attempt_id,
        amount: Money::usd(minor),
        card: card(),
    }
}

fn succeed(attempt_id: AttemptId) -> Command {
    Command::Succeed { attempt_id }
}

fn decline(attempt_id: AttemptId) -> Command {
    Command::Decline {
        attempt_id,
        code: CODE,
    }
}

fn attempted(attempt_id: AttemptId, minor: i64) -> Event {
    Event::Attempted {
        order_id: order(),
        user_id: alice(),
        attempt_id,
        amount: Money::usd(minor),
        card: card(),
    }
}

fn succeeded(attempt_id: AttemptId, minor: i64) -> Event {
    Event::Succeeded {
        attempt_id,
        order_id: order(),
        user_id: alice(),
        amount: Money::usd(minor),
    }
}

fn declined(attempt_id: AttemptId) -> Event {
    Event::Declined {
        attempt_id,
        code: CODE,
    }
}

#[test]
fn an_attempt_is_recorded_before_the_gateway_is_asked() {
    given([])
        .when(attempt(first(), 3998))
        .then([attempted(first(), 3998)]);
}

#[test]
fn an_attempt_made_twice_is_one() {
    given([attempted(first(), 3998)])
        .when(attempt(first(), 3998))
        .then_nothing();
}

#[test]
fn while_one_attempt_is_open_there_is_no_other() {
    given([attempted(first(), 3998)])
        .when(attempt(second(), 3998))
        .then_err(Error::InProgress {
            attempt_id: first(),
        });
}

#[test]
fn the_open_attempt_succeeds() {
    given([attempted(first(), 3998)])
        .when(succeed(first()))
        .then([succeeded(first(), 3998)]);
}

#[test]
fn a_success_tells_what_the_answered_attempt_was_about() {
    let history = [
        attempted(first(), 3998),
        declined(first()),
        attempted(second(), 1999),
    ];
    given(history)
        .when(succeed(second()))
        .then([succeeded(second(), 1999)]);
}

#[test]
fn a_success_said_twice_is_one() {
    given([attempted(first(), 3998), succeeded(first(), 3998)])
        .when(succeed(first()))
        .then_nothing();
}

#[test]
fn nothing_is_paid_twice() {
    let history = [attempted(first(), 3998), succeeded(first(), 3998)];
    for wish in [
        attempt(first(), 3998),
        attempt(second(), 3998),
        succeed(second()),
        decline(first()),
        decline(second()),
    ] {
        given(history.clone())
            .when(wish)
            .then_err(Error::AlreadyPaid);
    }
}

#[test]
fn the_open_attempt_is_declined() {
    given([attempted(first(), 3998)])
        .when(decline(first()))
        .then([declined(first())]);
}

#[test]
fn a_decline_said_twice_is_one() {
    given([attempted(first(), 3998), declined(first())])
        .when(decline(first()))
        .then_nothing();
}

#[test]
fn after_a_decline_another_attempt_may_be_made_of_what_the_order_is_now() {
    given([attempted(first(), 3998), declined(first())])
        .when(attempt(second(), 1999))
        .then([attempted(second(), 1999)]);
}

#[test]
fn an_answered_attempt_is_not_made_again() {
    given([attempted(first(), 3998), declined(first())])
        .when(attempt(first(), 3998))
        .then_err(Error::NoSuchAttempt);
}

#[test]
fn only_the_open_attempt_is_answered() {
    for (history, other) in [
        (vec![], first()),
        (vec![attempted(first(), 3998)], second()),
        (vec![attempted(first(), 3998), declined(first())], second()),
    ] {
        given(history.clone())
            .when(succeed(other))
            .then_err(Error::NoSuchAttempt);
        given(history)
            .when(decline(other))
            .then_err(Error::NoSuchAttempt);
    }
    given([attempted(first(), 3998), declined(first())])
        .when(succeed(first()))
        .then_err(Error::NoSuchAttempt);
}

#[test]
fn a_payment_knows_what_its_answer_shows() {
    let details = |minor| Details {
        order_id: order(),
        user_id: alice(),
        amount: Money::usd(minor),
        card: card(),
    };
    assert_eq!(given([]).is().details(), None);
    let declined_once = [attempted(first(), 3998), declined(first())];
    assert_eq!(
        given(declined_once).is(),
        Payment::Declined {
            details: details(3998),
            attempt_id: first(),
            code: CODE
        }
    );
    let paid = given([
        attempted(first(), 3998),
        declined(first()),
        attempted(second(), 1999),
        succeeded(second(), 1999),
    ])
    .is();
    assert_eq!(paid.details(), Some(&details(1999)));
    assert_eq!(
        paid,
        Payment::Paid {
            details: details(1999),
            attempt_id: second()
        }
    );
}

#[test]
fn every_event_is_stored_under_its_name() {
    let [order, user, attempt] = [1, 2, 3].map(|id| Uuid::from_u128(id).to_string());
    stored_as(
        &attempted(first(), 3998),
        &json!({"attempted": {
            "order_id": order,
            "user_id": user,
            "attempt_id": attempt,
            "amount": {"minor": 3998, "currency": "USD"},
            "card": {"brand": "visa", "last4": "4242"},
        }}),
    );
    stored_as_version(
        "2",
        &succeeded(first(), 3998),
        &json!({"succeeded": {
            "attempt_id": attempt,
            "order_id": order,
            "user_id": user,
            "amount": {"minor": 3998, "currency": "USD"},
        }}),
    );
    stored_as(
        &declined(first()),
        &json!({"declined": {"attempt_id": attempt, "code": "generic_decline"}}),
    );
}
