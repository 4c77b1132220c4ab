use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Command, Error, Event, NotADigest, SecretDigest, Session};
use crate::id::UserId;
use crate::testing::{self, Given, stored_as};

fn given(history: impl IntoIterator<Item = Event>) -> Given<Session> {
    testing::given(history)
}

fn alice() -> UserId {
    Uuid::from_u128(1).into()
}

fn secret(byte: u8) -> SecretDigest {
    SecretDigest::from([byte; 32])
}

fn hour(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 4, hour, 0, 0).unwrap()
}

fn start() -> Command {
    Command::Start {
        user_id: alice(),
        secret_digest: secret(1),
        expires_at: hour(12),
    }
}

fn refresh(presented: u8, next: u8, at: DateTime<Utc>) -> Command {
    Command::Refresh {
        presented: secret(presented),
        next: secret(next),
        at,
        expires_at: hour(18),
    }
}

fn started() -> Event {
    Event::Started {
        user_id: alice(),
        secret_digest: secret(1),
        expires_at: hour(12),
    }
}

fn refreshed(next: u8) -> Event {
    Event::Refreshed {
        secret_digest: secret(next),
        expires_at: hour(18),
    }
}

fn ended() -> Event {
    Event::Ended {}
}

#[test]
fn someone_logs_in() {
    given([]).when(start()).then([started()]);
}

#[test]
fn a_session_is_started_once() {
    given([started()])
        .when(start())
        .then_err(Error::AlreadyStarted);
    given([started(), ended()])
        .when(start())
        .then_err(Error::AlreadyStarted);
}

#[test]
fn a_refresh_changes_the_secret_and_the_end() {
    given([started()])
        .when(refresh(1, 2, hour(11)))
        .then([refreshed(2)]);
    given([started(), refreshed(2)])
        .when(refresh(2, 3, hour(17)))
        .then([refreshed(3)]);
}

#[test]
fn of_two_refreshes_with_one_secret_the_first_wins() {
    given([started(), refreshed(2)])
        .when(refresh(1, 3, hour(11)))
        .then_err(Error::WrongSecret);
}

#[test]
fn a_guessed_secret_opens_nothing() {
    given([started()])
        .when(refresh(9, 2, hour(11)))
        .then_err(Error::WrongSecret);
    given([started()])
        .when(refresh(9, 2, hour(13)))
        .then_err(Error::WrongSecret);
}

#[test]
fn a_session_that_is_not_refreshed_in_time_is_over() {
    let moment_before = hour(12) - TimeDelta::nanoseconds(1);
    given([started()])
        .when(refresh(1, 2, moment_before))
        .then([refreshed(2)]);
    given([started()])
        .when(refresh(1, 2, hour(12)))
        .then_err(Error::Expired);
}

#[test]
fn someone_logs_out() {
    given([started()]).when(Command::End).then([ended()]);
}

#[test]
fn logging_out_twice_changes_nothing() {
    given([started(), ended()])
        .when(Command::End)
        .then_nothing();
}

#[test]
fn a_session_that_is_not_there_is_neither_refreshed_nor_ended() {
    given([])
        .when(refresh(1, 2, hour(11)))
        .then_err(Error::NotFound);
    given([]).when(Command::End).then_err(Error::NotFound);
    given([started(), ended()])
        .when(refresh(1, 2, hour(11)))
        .then_err(Error::NotFound);
}

#[test]
fn a_digest_is_64_hexadecimal_digits() {
    let text = "00ff".repeat(16);
    let digest: SecretDigest = text.parse().unwrap();
    assert_eq!(String::from(digest), text);
    for wrong in [
        String::new(),
        "0".repeat(63),
        "0".repeat(65),
        "g".repeat(64),
        "A".repeat(64),
        "+1".repeat(32),
        "é".repeat(32),
    ] {
        assert_eq!(wrong.parse::<SecretDigest>(), Err(NotADigest), "{wrong}");
    }
}

#[test]
fn no_digest_is_printed() {
    assert_eq!(format!("{:?}", secret(1)), "SecretDigest([redacted])");
}

#[test]
fn every_event_is_stored_under_its_name() {
    let alice_id = Uuid::from_u128(1).to_string();
    stored_as(
        &started(),
        &json!({"started": {
            "user_id": alice_id,
            "secret_digest": "01".repeat(32),
            "expires_at": "2026-05-04T12:00:00Z",
        }}),
    );
    stored_as(
        &refreshed(2),
        &json!({"refreshed": {
            "secret_digest": "02".repeat(32),
            "expires_at": "2026-05-04T18:00:00Z",
        }}),
    );
    stored_as(&ended(), &json!({"ended": {}}));
}
