//! A sample of each kind of event, of every aggregate.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::card::{Brand, Card, DeclineCode};
use domain::id::{AttemptId, OrderId, PaymentId, ProductId, UserId};
use domain::money::{Money, Price};
use domain::quantity::Adjustment;
use domain::{Aggregate, Event, account, claim, order, payment, product, session, stock};
use uuid::uuid;

use super::Golden;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Samples by the names of their files. Where a kind of event is missing, it does not compile.
macro_rules! samples {
    ($aggregate:ty; $($kind:pat => $event:expr $(, $special:literal: $other:expr)*;)+) => {{
        let _ = |event| match event {
            $($kind => (),)+
        };
        let mut samples = Vec::new();
        $({
            samples.push(sample::<$aggregate>("", &$event));
            $(samples.push(sample::<$aggregate>(concat!($special, "."), &$other));)*
        })+
        samples
    }};
}

/// How each kind of event is stored today, by the name of its file.
pub(super) fn all() -> BTreeMap<String, Golden> {
    let samples = [
        of_products(),
        of_stock(),
        of_orders(),
        of_payments(),
        of_accounts(),
        of_claims(),
        of_sessions(),
    ]
    .concat();
    let count = samples.len();
    let named: BTreeMap<_, _> = samples.into_iter().collect();
    assert_eq!(named.len(), count, "two samples of one name");
    named
}

fn sample<A: Aggregate>(special: &str, event: &A::Event) -> (String, Golden) {
    let (name, version) = (event.name(), event.version());
    let file = format!("{}.{name}.v{version}.{special}json", A::TYPE);
    let golden = Golden::of::<A>(event);
    assert_eq!(golden.decode::<A::Event>(), *event, "{file}");
    (file, golden)
}

fn of_products() -> Vec<(String, Golden)> {
    use product::Event;
    samples!(
        product::Product;
        Event::Created { .. } => Event::Created {
            name: text("Lámpara"),
            description: text("as \"new\"\n"),
            price: price(),
            offered: true,
        };
        Event::Changed { .. } => Event::Changed {
            name: text("Desk lamp"),
            description: text(""),
            price: price(),
            offered: false,
        };
        Event::Deleted {} => Event::Deleted {};
    )
}

fn of_stock() -> Vec<(String, Golden)> {
    use stock::Event;
    let (order_id, quantity) = (order(), few());
    samples!(
        stock::Stock;
        Event::Opened { .. } => Event::Opened { product_id: product(), level: few() };
        Event::LevelSet { .. } => Event::LevelSet { level: few() };
        Event::Adjusted { .. } => Event::Adjusted { by: two_less(), reason: Some(text("broken")) },
            "unexplained": Event::Adjusted { by: two_less(), reason: None };
        Event::Reserved { .. } => Event::Reserved { order_id, quantity };
        Event::Released { .. } => Event::Released { order_id, quantity };
        Event::Committed { .. } => Event::Committed { order_id, quantity };
        Event::Retired {} => Event::Retired {};
    )
}

fn of_orders() -> Vec<(String, Golden)> {
    use order::Event;
    let (payment_id, attempt_id) = (payment(), attempt());
    let placed = |customer_notes| Event::Placed {
        product_id: product(),
        user_id: user(),
        quantity: few(),
        unit_price: price(),
        shipping_address: text("1 High Street"),
        customer_notes,
        at: moment(),
    };
    let changed = |customer_notes| Event::Changed {
        quantity: few(),
        shipping_address: text("2 High Street"),
        customer_notes,
    };
    samples!(
        order::Order;
        Event::Placed { .. } => placed(Some(text("ring twice"))), "silent": placed(None);
        Event::Changed { .. } => changed(Some(text("ring once"))), "silent": changed(None);
        Event::Cancelled {} => Event::Cancelled {};
        Event::PaymentStarted { .. } => Event::PaymentStarted { payment_id, attempt_id };
        Event::PaymentFailed { .. } => Event::PaymentFailed { attempt_id, code: DeclineCode::ExpiredCard };
        Event::Completed { .. } => Event::Completed { payment_id, attempt_id };
    )
}

fn of_payments() -> Vec<(String, Golden)> {
    use payment::Event;
    let (order_id, user_id, attempt_id) = (order(), user(), attempt());
    let amount = Money::usd(5_997);
    let card = Card {
        brand: Brand::Visa,
        last4: text("4242"),
    };
    samples!(
        payment::Payment;
        Event::Attempted { .. } => Event::Attempted { order_id, user_id, attempt_id, amount, card };
        Event::Succeeded { .. } => Event::Succeeded { attempt_id, order_id, user_id, amount };
        Event::Declined { .. } => Event::Declined { attempt_id, code: DeclineCode::InsufficientFunds };
    )
}

fn of_accounts() -> Vec<(String, Golden)> {
    use account::{Event, Role};
    samples!(
        account::Account;
        Event::Registered { .. } => Event::Registered {
            username: text("Zoë"),
            email: text("zoe@example.com"),
            password_hash: text(HASH),
        };
        Event::PasswordRehashed { .. } => Event::PasswordRehashed { password_hash: text(HASH) };
        Event::RoleGranted { .. } => Event::RoleGranted { role: Role::Admin };
        Event::RoleRevoked { .. } => Event::RoleRevoked { role: Role::Admin };
    )
}

fn of_claims() -> Vec<(String, Golden)> {
    use claim::{Event, Kind};
    samples!(
        claim::Claim;
        Event::Claimed { .. } => Event::Claimed { kind: Kind::Email, account_id: user() };
        Event::Released {} => Event::Released {};
    )
}

fn of_sessions() -> Vec<(String, Golden)> {
    use session::Event;
    let (secret_digest, expires_at) = (text(DIGEST), moment());
    samples!(
        session::Session;
        Event::Started { .. } => Event::Started { user_id: user(), secret_digest, expires_at };
        Event::Refreshed { .. } => Event::Refreshed { secret_digest, expires_at };
        Event::Ended {} => Event::Ended {};
    )
}

fn text<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a good text")
}

fn few<T: TryFrom<u32, Error: Debug>>() -> T {
    T::try_from(3).expect("a sane number")
}

fn two_less() -> Adjustment {
    Adjustment::try_from(-2).expect("a sane number")
}

fn price() -> Price {
    Money::usd(1_999).try_into().expect("a sane price")
}

fn moment() -> DateTime<Utc> {
    text("2026-01-02T03:04:05.678901Z")
}

fn product() -> ProductId {
    uuid!("0192f0c1-2345-7abc-8def-000000000002").into()
}

fn order() -> OrderId {
    uuid!("0192f0c1-2345-7abc-8def-000000000003").into()
}

fn user() -> UserId {
    uuid!("0192f0c1-2345-7abc-8def-000000000004").into()
}

fn payment() -> PaymentId {
    PaymentId::of(order())
}

fn attempt() -> AttemptId {
    uuid!("0192f0c1-2345-7abc-8def-000000000005").into()
}
