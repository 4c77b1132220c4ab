//! What was published once is understood for ever: the bytes of each message are kept as they were.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proto::Message;
use proto::inventory::v1::{self as inventory, InventoryEvent, inventory_event};
use proto::order::v1::{self as order, OrderEvent, order_event};
use proto::payment::v1::{self as payment, PaymentEvent, payment_event};
use proto::product::v1::{self as product, ProductEvent, product_event};
use proto::user::v1::{self as user, UserEvent, user_event};

const PRODUCT: &str = "0192f0c1-2345-7abc-8def-000000000001";
const ORDER: &str = "0192f0c1-2345-7abc-8def-000000000002";
const USER: &str = "0192f0c1-2345-7abc-8def-000000000003";
const PAYMENT: &str = "0192f0c1-2345-7abc-8def-000000000004";
const ATTEMPT: &str = "0192f0c1-2345-7abc-8def-000000000005";

/// A sample of each kind of a context's event. Where a kind is missing, it does not compile.
macro_rules! samples {
    ($wrap:expr, $($kind:path => $sample:expr),+ $(,)?) => {{
        let _ = |event| match event {
            $($kind(_) => (),)+
        };
        [$($wrap($kind($sample))),+]
    }};
}

fn samples() -> Vec<Message> {
    [
        of_products(),
        of_stock(),
        of_orders(),
        of_users(),
        of_payments(),
    ]
    .concat()
}

fn of_products() -> Vec<Message> {
    use product_event::Event;
    samples!(
        |event| Message::Product(ProductEvent { event: Some(event) }),
        Event::Created => product::ProductCreated {
            name: "Lámpara".to_owned(),
            description: "as new".to_owned(),
            price_minor: 1_999,
            currency: "USD".to_owned(),
            offered: true,
        },
        Event::Changed => product::ProductChanged {
            name: "Desk lamp".to_owned(),
            description: "as good as new".to_owned(),
            price_minor: 2_050,
            currency: "USD".to_owned(),
            offered: true,
        },
        Event::Deleted => product::ProductDeleted {},
    )
    .into()
}

fn of_stock() -> Vec<Message> {
    use inventory_event::Event;
    samples!(
        |event| Message::Inventory(InventoryEvent { event: Some(event) }),
        Event::Opened => inventory::StockOpened {
            product_id: PRODUCT.to_owned(),
            stock_level: 10,
        },
        Event::LevelSet => inventory::StockLevelSet { stock_level: 300 },
        Event::Adjusted => inventory::StockAdjusted {
            by: -2,
            reason: Some("broken".to_owned()),
        },
        Event::Reserved => inventory::StockReserved {
            order_id: ORDER.to_owned(),
            quantity: 2,
        },
        Event::Released => inventory::StockReleased {
            order_id: ORDER.to_owned(),
            quantity: 1,
        },
        Event::Committed => inventory::StockCommitted {
            order_id: ORDER.to_owned(),
            quantity: 2,
        },
        Event::Retired => inventory::StockRetired {},
    )
    .into()
}

fn of_orders() -> Vec<Message> {
    use order_event::Event;
    samples!(
        |event| Message::Order(OrderEvent { event: Some(event) }),
        Event::Placed => order::OrderPlaced {
            product_id: PRODUCT.to_owned(),
            user_id: USER.to_owned(),
            quantity: 2,
            unit_price_minor: 1_999,
            currency: "USD".to_owned(),
            shipping_address: "1 High Street".to_owned(),
            customer_notes: Some("ring twice".to_owned()),
            placed_at_micros: 1_767_323_045_678_901,
        },
        Event::Changed => order::OrderChanged {
            quantity: 3,
            shipping_address: "2 High Street".to_owned(),
            customer_notes: None,
        },
        Event::Cancelled => order::OrderCancelled {},
        Event::PaymentStarted => order::OrderPaymentStarted {
            payment_id: PAYMENT.to_owned(),
            attempt_id: ATTEMPT.to_owned(),
        },
        Event::PaymentFailed => order::OrderPaymentFailed {
            attempt_id: ATTEMPT.to_owned(),
            decline_code: "expired_card".to_owned(),
        },
        Event::Completed => order::OrderCompleted {
            payment_id: PAYMENT.to_owned(),
            attempt_id: ATTEMPT.to_owned(),
        },
    )
    .into()
}

fn of_users() -> Vec<Message> {
    use user_event::Event;
    samples!(
        |event| Message::User(UserEvent { event: Some(event) }),
        Event::Registered => user::UserRegistered {
            username: "anne".to_owned(),
            email: "anne@example.com".to_owned(),
        },
        Event::RoleGranted => user::UserRoleGranted {
            role: "admin".to_owned(),
        },
        Event::RoleRevoked => user::UserRoleRevoked {
            role: "admin".to_owned(),
        },
    )
    .into()
}

fn of_payments() -> Vec<Message> {
    use payment_event::Event;
    samples!(
        |event| Message::Payment(PaymentEvent { event: Some(event) }),
        Event::Attempted => payment::PaymentAttempted {
            order_id: ORDER.to_owned(),
            user_id: USER.to_owned(),
            attempt_id: ATTEMPT.to_owned(),
            amount_minor: 3_998,
            currency: "USD".to_owned(),
            card_brand: "visa".to_owned(),
            card_last4: "4242".to_owned(),
        },
        Event::Succeeded => payment::PaymentSucceeded {
            attempt_id: ATTEMPT.to_owned(),
            order_id: ORDER.to_owned(),
            user_id: USER.to_owned(),
            amount_minor: 3_998,
            currency: "USD".to_owned(),
        },
        Event::Declined => payment::PaymentDeclined {
            attempt_id: ATTEMPT.to_owned(),
            decline_code: "insufficient_funds".to_owned(),
        },
    )
    .into()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn type_name(message: &Message) -> &'static str {
    message.type_name().expect("a sample says something")
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 0xf];
    let digits = bytes.iter().flat_map(digits);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| hex.get(at..at + 2).expect("two digits each");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits(at), 16).expect("hexadecimal digits"))
        .collect()
}

#[test]
fn each_message_has_the_bytes_that_it_always_had() {
    for sample in samples() {
        let file = golden().join(format!("{}.hex", type_name(&sample)));
        let encoded = hex(&sample.encode());
        let Ok(kept) = fs::read_to_string(&file) else {
            panic!("{} is missing; the sample is:\n{encoded}", file.display());
        };
        let kept = kept.trim_end();
        assert_eq!(encoded, kept, "{}", file.display());
        for topic in sample.topics() {
            let decoded = topic.decode(&bytes(kept));
            assert_eq!(decoded.as_ref(), Ok(&sample), "{}", file.display());
        }
    }
}

#[test]
fn no_message_that_was_published_is_forgotten() {
    let files = fs::read_dir(golden()).expect("the kept messages");
    let kept: BTreeSet<String> = files
        .map(|file| file.expect("an entry").file_name())
        .map(|name| name.into_string().expect("plain names"))
        .collect();
    let samples = samples();
    let known = samples.iter().map(|m| format!("{}.hex", type_name(m)));
    assert_eq!(kept, known.clone().collect());
    assert_eq!(kept.len(), known.count(), "two samples of one name");
}

#[test]
fn a_message_of_a_kind_that_came_later_is_seen_to_be_unknown() {
    // Field 99, a message without fields: what an older program sees of a newer one's event.
    let unknown = [0x9a, 0x06, 0x00];
    for topic in proto::Topic::ALL {
        let message = topic.decode(&unknown).expect("it is protobuf");
        assert_eq!(message.type_name(), None, "on {}", topic.name());
    }
}
