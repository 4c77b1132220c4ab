//! Somebody registers, gets a better hash, logs in, stays logged in and pays: all at once, positions 1 to 7.

use chrono::{DateTime, TimeDelta};
use domain::account::{self, Account};
use domain::card::{Card, PaymentCard};
use domain::claim::{self, Claim, Kind};
use domain::id::{OrderId, PaymentId, SessionId, UserId};
use domain::money::Money;
use domain::payment::{self, Payment};
use domain::session::{self, SecretDigest, Session};
use embedded_postgres::testing::{TestDatabase, database};
use event_store::{Context, EventStore, MIGRATOR, Unit, Written};
use uuid::{Uuid, uuid};

pub const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y2FuYXJ5LXNhbHQ$Y2FuYXJ5LWhhc2gtY2FuYXJ5LWhhc2g";
pub const REHASHED: &str =
    "$argon2id$v=19$m=19456,t=3,p=1$YmV0dGVyLXNhbHQ$YmV0dGVyLWhhc2gtY2FuYXJ5LWhhc2g";
pub const CARD: &str = "4111111111111111";
pub const CVV: &str = "739";
/// The session's first secret and its next.
pub const SECRETS: [[u8; 32]; 2] = [[0xc1; 32], [0xc2; 32]];

pub const ANNE: Uuid = uuid!("0192f0c1-2345-7abc-8def-00000000000a");
pub const ORDER: Uuid = uuid!("0192f0c1-2345-7abc-8def-00000000000b");
const SESSION: Uuid = uuid!("0192f0c1-2345-7abc-8def-00000000000c");
const ATTEMPT: Uuid = uuid!("0192f0c1-2345-7abc-8def-00000000000d");

/// What may be refused here; nothing is.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Account(#[from] account::Error),
    #[error(transparent)]
    Claim(#[from] claim::Error),
    #[error(transparent)]
    Payment(#[from] payment::Error),
    #[error(transparent)]
    Session(#[from] session::Error),
}

pub async fn store() -> (EventStore, TestDatabase) {
    let database = database(&MIGRATOR).await;
    let store = EventStore::open(database.pool()).await;
    (store.expect("a fresh store opens"), database)
}

pub async fn a_life(store: &EventStore, context: Context) -> Written<()> {
    let claimed = store.claim_id(Kind::Email, "anne@example.com");
    let user_id = UserId::from(ANNE);
    let work = move |unit: &mut Unit<'_, Refused>| {
        let claim = claim::Command::Claim {
            kind: Kind::Email,
            account_id: user_id,
        };
        unit.decide::<Claim>(claimed, claim)?;
        unit.create::<Account>(user_id, register())?;
        unit.decide::<Account>(user_id, rehash(REHASHED))?;
        let [start, refresh] = log_in(user_id);
        unit.create::<Session>(SessionId::from(SESSION), start)?;
        unit.decide::<Session>(SessionId::from(SESSION), refresh)?;
        let [attempt, succeed] = pay(user_id);
        let payment = PaymentId::of(OrderId::from(ORDER));
        unit.create::<Payment>(payment, attempt)?;
        unit.decide::<Payment>(payment, succeed)?;
        Ok(())
    };
    let written = store.execute(context, work).await;
    written.expect("all of it is allowed")
}

fn register() -> account::Command {
    account::Command::Register {
        username: "anne".parse().expect("a name"),
        email: "anne@example.com".parse().expect("an address"),
        password_hash: HASH.parse().expect("a hash"),
    }
}

pub fn rehash(hash: &str) -> account::Command {
    account::Command::Rehash {
        password_hash: hash.parse().expect("a hash"),
    }
}

fn log_in(user_id: UserId) -> [session::Command; 2] {
    let [first, next] = SECRETS.map(SecretDigest::from);
    let at = DateTime::UNIX_EPOCH;
    let expires_at = at + TimeDelta::days(1);
    [
        session::Command::Start {
            user_id,
            secret_digest: first,
            expires_at,
        },
        session::Command::Refresh {
            presented: first,
            next,
            at,
            expires_at,
        },
    ]
}

fn pay(user_id: UserId) -> [payment::Command; 2] {
    let attempt_id = ATTEMPT.into();
    [
        payment::Command::Attempt {
            order_id: ORDER.into(),
            user_id,
            attempt_id,
            amount: Money::usd(1_999),
            card: card(),
        },
        payment::Command::Succeed { attempt_id },
    ]
}

/// What is kept of what the customer typed.
fn card() -> Card {
    let number = CARD.parse().expect("a number");
    let expiry = "12/99".parse().expect("a month");
    let cvv = CVV.parse().expect("three digits");
    let card = PaymentCard::new(number, expiry, cvv, DateTime::UNIX_EPOCH);
    card.expect("a good card").card().clone()
}
