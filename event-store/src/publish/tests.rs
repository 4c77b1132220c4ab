use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::str::FromStr;

use chrono::DateTime;
use domain::card::{Brand, Card, DeclineCode};
use domain::id::AttemptId;
use domain::money::{Money, Price};
use domain::quantity::Adjustment;
use domain::session::SecretDigest;
use domain::{Aggregate, Event};
use serde_json::value::to_raw_value;
use uuid::Uuid;

use super::{Raw, account, claim, order, payment, product, publish, session, stock, topic};

const ID: Uuid = Uuid::from_u128(42);
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

/// Each kind of an aggregate's event with the message that it is published as. Where a kind is missing, it does not
/// compile.
macro_rules! published {
    ($aggregate:ty; $($kind:pat => $event:expr, $message:expr;)+) => {{
        let _ = |event| match event {
            $($kind => (),)+
        };
        [$({
            let event = $event;
            assert!(matches!(event, $kind));
            check::<$aggregate>(&event, $message);
            $message
        }),+]
    }};
}

/// The event is published as that message, and `topic` knows so by its name.
fn check<A: Aggregate>(event: &A::Event, expected: Option<&str>) {
    let payload = to_raw_value(event).expect("JSON");
    let raw = Raw {
        aggregate_type: A::TYPE,
        aggregate_id: &ID.to_string(),
        sequence: 1,
        event_type: event.name(),
        event_version: event.version(),
        payload: &payload,
    };
    let message = publish(&raw).expect("it is readable");
    let found = message.as_ref().and_then(proto::Message::type_name);
    assert_eq!(found, expected, "{event:?}");
    assert_eq!(
        topic(A::TYPE, event.name()),
        message.map(|m| m.topic()),
        "{event:?}"
    );
}

fn text<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a good text")
}

fn few<T: TryFrom<u32, Error: Debug>>() -> T {
    T::try_from(3).expect("a sane number")
}

fn price() -> Price {
    Money::usd(1_999).try_into().expect("a sane price")
}

fn attempt() -> AttemptId {
    ID.into()
}

#[test]
fn every_event_has_its_message_or_is_known_to_have_none() {
    let mut messages = BTreeSet::new();
    messages.extend(of_products());
    messages.extend(of_stock());
    messages.extend(of_orders());
    messages.extend(of_payments());
    messages.extend(of_accounts());
    let unpublished = [of_claims().as_slice(), &of_sessions()].concat();
    assert!(unpublished.iter().all(Option::is_none));

    // And every message is of some event.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/golden");
    let kept: BTreeSet<_> = std::fs::read_dir(kept)
        .expect("the kept messages")
        .map(|file| file.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let published = messages.into_iter().flatten().map(str::to_owned);
    assert_eq!(published.collect::<BTreeSet<_>>(), kept);
}

fn of_products() -> [Option<&'static str>; 3] {
    use product::Event;
    published!(
        product::Product;
        Event::Created { .. } => Event::Created {
            name: text("Lamp"),
            description: text("as new"),
            price: price(),
            offered: true,
        }, Some("mart.product.v1.ProductCreated");
        Event::Changed { .. } => Event::Changed {
            name: text("Lamp"),
            description: text("as new"),
            price: price(),
            offered: true,
        }, Some("mart.product.v1.ProductChanged");
        Event::Deleted {} => Event::Deleted {}, Some("mart.product.v1.ProductDeleted");
    )
}

fn of_stock() -> [Option<&'static str>; 7] {
    use stock::Event;
    let (order_id, quantity) = (ID.into(), few());
    published!(
        stock::Stock;
        Event::Opened { .. } => Event::Opened { product_id: ID.into(), level: few() },
            Some("mart.inventory.v1.StockOpened");
        Event::LevelSet { .. } => Event::LevelSet { level: few() },
            Some("mart.inventory.v1.StockLevelSet");
        Event::Adjusted { .. } => Event::Adjusted {
            by: Adjustment::try_from(-1).expect("one"),
            reason: Some(text("broken")),
        }, Some("mart.inventory.v1.StockAdjusted");
        Event::Reserved { .. } => Event::Reserved { order_id, quantity },
            Some("mart.inventory.v1.StockReserved");
        Event::Released { .. } => Event::Released { order_id, quantity },
            Some("mart.inventory.v1.StockReleased");
        Event::Committed { .. } => Event::Committed { order_id, quantity },
            Some("mart.inventory.v1.StockCommitted");
        Event::Retired {} => Event::Retired {}, Some("mart.inventory.v1.StockRetired");
    )
}

fn of_orders() -> [Option<&'static str>; 6] {
    use order::Event;
    let (payment_id, attempt_id) = (ID.into(), attempt());
    published!(
        order::Order;
        Event::Placed { .. } => Event::Placed {
            product_id: ID.into(),
            user_id: ID.into(),
            quantity: few(),
            unit_price: price(),
            shipping_address: text("1 High Street"),
            customer_notes: None,
            at: DateTime::UNIX_EPOCH,
        }, Some("mart.order.v1.OrderPlaced");
        Event::Changed { .. } => Event::Changed {
            quantity: few(),
            shipping_address: text("1 High Street"),
            customer_notes: Some(text("ring twice")),
        }, Some("mart.order.v1.OrderChanged");
        Event::Cancelled {} => Event::Cancelled {}, Some("mart.order.v1.OrderCancelled");
        Event::PaymentStarted { .. } => Event::PaymentStarted { payment_id, attempt_id },
            Some("mart.order.v1.OrderPaymentStarted");
        Event::PaymentFailed { .. } => Event::PaymentFailed {
            attempt_id,
            code: DeclineCode::ExpiredCard,
        }, Some("mart.order.v1.OrderPaymentFailed");
        Event::Completed { .. } => Event::Completed { payment_id, attempt_id },
            Some("mart.order.v1.OrderCompleted");
    )
}

fn of_payments() -> [Option<&'static str>; 3] {
    use payment::Event;
    let (order_id, user_id, amount) = (ID.into(), ID.into(), Money::usd(1_999));
    published!(
        payment::Payment;
        Event::Attempted { .. } => Event::Attempted {
            order_id,
            user_id,
            attempt_id: attempt(),
            amount,
            card: Card { brand: Brand::Visa, last4: text("4242") },
        }, Some("mart.payment.v1.PaymentAttempted");
        Event::Succeeded { .. } => Event::Succeeded {
            attempt_id: attempt(),
            order_id,
            user_id,
            amount,
        }, Some("mart.payment.v1.PaymentSucceeded");
        Event::Declined { .. } => Event::Declined {
            attempt_id: attempt(),
            code: DeclineCode::ExpiredCard,
        }, Some("mart.payment.v1.PaymentDeclined");
    )
}

fn of_accounts() -> [Option<&'static str>; 4] {
    use account::{Event, Role};
    published!(
        account::Account;
        Event::Registered { .. } => Event::Registered {
            username: text("anne"),
            email: text("anne@example.com"),
            password_hash: text(HASH),
        }, Some("mart.user.v1.UserRegistered");
        Event::PasswordRehashed { .. } => Event::PasswordRehashed { password_hash: text(HASH) },
            None;
        Event::RoleGranted { .. } => Event::RoleGranted { role: Role::Admin },
            Some("mart.user.v1.UserRoleGranted");
        Event::RoleRevoked { .. } => Event::RoleRevoked { role: Role::Admin },
            Some("mart.user.v1.UserRoleRevoked");
    )
}

fn of_claims() -> [Option<&'static str>; 2] {
    use claim::{Event, Kind};
    published!(
        claim::Claim;
        Event::Claimed { .. } => Event::Claimed { kind: Kind::Username, account_id: ID.into() }, None;
        Event::Released {} => Event::Released {}, None;
    )
}

fn of_sessions() -> [Option<&'static str>; 3] {
    use session::Event;
    let secret_digest = SecretDigest::from([7; 32]);
    let expires_at = DateTime::UNIX_EPOCH;
    published!(
        session::Session;
        Event::Started { .. } => Event::Started { user_id: ID.into(), secret_digest, expires_at }, None;
        Event::Refreshed { .. } => Event::Refreshed { secret_digest, expires_at }, None;
        Event::Ended {} => Event::Ended {}, None;
    )
}
