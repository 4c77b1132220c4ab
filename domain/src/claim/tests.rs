use serde_json::json;
use uuid::Uuid;

use super::{Claim, Command, Error, Event, Kind};
use crate::id::UserId;
use crate::testing::{self, Given, stored_as};

fn given(history: impl IntoIterator<Item = Event>) -> Given<Claim> {
    testing::given(history)
}

fn alice() -> UserId {
    Uuid::from_u128(1).into()
}

fn mallory() -> UserId {
    Uuid::from_u128(2).into()
}

fn claim(kind: Kind, account_id: UserId) -> Command {
    Command::Claim { kind, account_id }
}

fn claimed(kind: Kind, account_id: UserId) -> Event {
    Event::Claimed { kind, account_id }
}

#[test]
fn who_comes_first_has_the_name() {
    for kind in [Kind::Username, Kind::Email] {
        given([])
            .when(claim(kind, alice()))
            .then([claimed(kind, alice())]);
    }
}

#[test]
fn a_name_that_is_anothers_is_taken() {
    for kind in [Kind::Username, Kind::Email] {
        given([claimed(kind, alice())])
            .when(claim(kind, mallory()))
            .then_err(Error::Taken { kind });
    }
}

#[test]
fn a_name_claimed_twice_by_its_owner_is_claimed_once() {
    given([claimed(Kind::Email, alice())])
        .when(claim(Kind::Email, alice()))
        .then_nothing();
}

#[test]
fn a_released_name_is_free_for_anyone() {
    given([claimed(Kind::Email, alice())])
        .when(Command::Release)
        .then([Event::Released {}]);
    given([claimed(Kind::Email, alice()), Event::Released {}])
        .when(claim(Kind::Email, mallory()))
        .then([claimed(Kind::Email, mallory())]);
}

#[test]
fn releasing_a_free_name_changes_nothing() {
    given([]).when(Command::Release).then_nothing();
    given([claimed(Kind::Email, alice()), Event::Released {}])
        .when(Command::Release)
        .then_nothing();
}

#[test]
fn a_refusal_says_which_name_is_taken() {
    let taken = |kind| Error::Taken { kind }.to_string();
    assert_eq!(taken(Kind::Username), "this username is taken");
    assert_eq!(taken(Kind::Email), "this e-mail address is taken");
}

#[test]
fn every_event_is_stored_under_its_name() {
    let alice_id = Uuid::from_u128(1).to_string();
    stored_as(
        &claimed(Kind::Username, alice()),
        &json!({"claimed": {"kind": "username", "account_id": alice_id}}),
    );
    stored_as(
        &claimed(Kind::Email, alice()),
        &json!({"claimed": {"kind": "email", "account_id": alice_id}}),
    );
    stored_as(&Event::Released {}, &json!({"released": {}}));
}
