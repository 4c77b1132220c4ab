use serde_json::json;

use super::{Account, Command, Error, Event, Role};
use crate::testing::{self, Given, stored_as, text};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
const OTHER_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$b3RoZXJoYXNo";

fn given(history: impl IntoIterator<Item = Event>) -> Given<Account> {
    testing::given(history)
}

fn register() -> Command {
    Command::Register {
        username: text("alice"),
        email: text("alice@example.com"),
        password_hash: text(HASH),
    }
}

fn rehash(hash: &str) -> Command {
    Command::Rehash {
        password_hash: text(hash),
    }
}

fn grant(role: Role) -> Command {
    Command::Grant { role }
}

fn revoke(role: Role) -> Command {
    Command::Revoke { role }
}

fn registered() -> Event {
    Event::Registered {
        username: text("alice"),
        email: text("alice@example.com"),
        password_hash: text(HASH),
    }
}

fn rehashed(hash: &str) -> Event {
    Event::PasswordRehashed {
        password_hash: text(hash),
    }
}

fn granted() -> Event {
    Event::RoleGranted { role: Role::Admin }
}

fn revoked() -> Event {
    Event::RoleRevoked { role: Role::Admin }
}

#[test]
fn someone_opens_an_account_and_is_a_customer() {
    given([]).when(register()).then([registered()]);
    let account = Account::Active {
        username: text("alice"),
        email: text("alice@example.com"),
        password_hash: text(HASH),
        role: Role::Customer,
    };
    assert_eq!(given([registered()]).is(), account);
}

#[test]
fn an_account_is_opened_once() {
    given([registered()])
        .when(register())
        .then_err(Error::AlreadyRegistered);
}

#[test]
fn an_account_that_is_not_there_can_not_be_changed() {
    for wish in [rehash(HASH), grant(Role::Admin), revoke(Role::Admin)] {
        given([]).when(wish).then_err(Error::NotFound);
    }
}

#[test]
fn a_better_hash_is_kept() {
    given([registered()])
        .when(rehash(OTHER_HASH))
        .then([rehashed(OTHER_HASH)]);
}

#[test]
fn keeping_the_hash_that_is_kept_changes_nothing() {
    given([registered()]).when(rehash(HASH)).then_nothing();
    given([registered(), rehashed(OTHER_HASH)])
        .when(rehash(OTHER_HASH))
        .then_nothing();
}

#[test]
fn a_customer_becomes_an_admin() {
    given([registered()])
        .when(grant(Role::Admin))
        .then([granted()]);
}

#[test]
fn a_role_granted_twice_is_granted_once() {
    given([registered(), granted()])
        .when(grant(Role::Admin))
        .then_nothing();
}

#[test]
fn an_admin_becomes_a_customer_again() {
    given([registered(), granted()])
        .when(revoke(Role::Admin))
        .then([revoked()]);
    given([registered(), granted(), revoked()])
        .when(grant(Role::Admin))
        .then([granted()]);
}

#[test]
fn a_role_revoked_twice_is_revoked_once() {
    given([registered()])
        .when(revoke(Role::Admin))
        .then_nothing();
    given([registered(), granted(), revoked()])
        .when(revoke(Role::Admin))
        .then_nothing();
}

#[test]
fn everyone_is_a_customer_for_good() {
    for history in [vec![registered()], vec![registered(), granted()]] {
        given(history.clone())
            .when(grant(Role::Customer))
            .then_nothing();
        given(history)
            .when(revoke(Role::Customer))
            .then_err(Error::CustomerForGood);
    }
}

#[test]
fn roles_have_one_name_everywhere() {
    for role in [Role::Customer, Role::Admin] {
        assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert!("root".parse::<Role>().is_err());
}

#[test]
fn no_hash_is_printed_with_its_account() {
    let printed = format!(
        "{:?} {:?} {:?}",
        register(),
        registered(),
        given([registered()]).is()
    );
    assert!(!printed.contains("argon2id"), "{printed}");
}

#[test]
fn every_event_is_stored_under_its_name() {
    stored_as(
        &registered(),
        &json!({"registered": {
            "username": "alice",
            "email": "alice@example.com",
            "password_hash": HASH,
        }}),
    );
    stored_as(
        &rehashed(OTHER_HASH),
        &json!({"password-rehashed": {"password_hash": OTHER_HASH}}),
    );
    stored_as(&granted(), &json!({"role-granted": {"role": "admin"}}));
    stored_as(&revoked(), &json!({"role-revoked": {"role": "admin"}}));
}
