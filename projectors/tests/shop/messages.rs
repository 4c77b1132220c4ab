//! Published events, made by hand.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use event_store::Published;
use proto::Message;
use proto::inventory::v1::{self as inventory, inventory_event};
use proto::order::v1::{self as order, order_event};
use proto::payment::v1::{self as payment, payment_event};
use proto::product::v1::{self as product, product_event};
use proto::user::v1::{self as user, user_event};
use uuid::Uuid;

/// Ids that can be told apart at a glance.
pub const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The time at which the event of that position was recorded.
pub fn time(position: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000 + position)
}

pub fn published(position: i64, of: Uuid, sequence: i64, message: Message) -> Arc<Published> {
    Arc::new(Published {
        position,
        event_id: id(0xe000_0000 + u128::from(position.unsigned_abs())),
        aggregate_id: of,
        sequence,
        recorded_at: time(position),
        actor: "system".to_owned(),
        correlation_id: "test".to_owned(),
        traceparent: "00-00000000000000000000000000000001-0000000000000001-01".to_owned(),
        message,
    })
}

fn of_product(event: product_event::Event) -> Message {
    Message::Product(product::ProductEvent { event: Some(event) })
}

fn of_stock(event: inventory_event::Event) -> Message {
    Message::Inventory(inventory::InventoryEvent { event: Some(event) })
}

fn of_order(event: order_event::Event) -> Message {
    Message::Order(order::OrderEvent { event: Some(event) })
}

fn of_payment(event: payment_event::Event) -> Message {
    Message::Payment(payment::PaymentEvent { event: Some(event) })
}

fn of_user(event: user_event::Event) -> Message {
    Message::User(user::UserEvent { event: Some(event) })
}

pub fn created(name: &str, price_minor: i64) -> Message {
    of_product(product_event::Event::Created(product::ProductCreated {
        name: name.to_owned(),
        description: "as new".to_owned(),
        price_minor,
        currency: "USD".to_owned(),
        offered: true,
    }))
}

pub fn renamed(name: &str, price_minor: i64, offered: bool) -> Message {
    of_product(product_event::Event::Changed(product::ProductChanged {
        name: name.to_owned(),
        description: "as new".to_owned(),
        price_minor,
        currency: "USD".to_owned(),
        offered,
    }))
}

pub fn deleted() -> Message {
    of_product(product_event::Event::Deleted(product::ProductDeleted {}))
}

pub fn opened(product_id: Uuid, stock_level: i64) -> Message {
    of_stock(inventory_event::Event::Opened(inventory::StockOpened {
        product_id: product_id.to_string(),
        stock_level,
    }))
}

pub fn level_set(stock_level: i64) -> Message {
    of_stock(inventory_event::Event::LevelSet(inventory::StockLevelSet {
        stock_level,
    }))
}

pub fn adjusted(by: i64) -> Message {
    of_stock(inventory_event::Event::Adjusted(inventory::StockAdjusted {
        by,
        reason: None,
    }))
}

pub fn reserved(order: Uuid, quantity: i64) -> Message {
    of_stock(inventory_event::Event::Reserved(inventory::StockReserved {
        order_id: order.to_string(),
        quantity,
    }))
}

pub fn released(order: Uuid, quantity: i64) -> Message {
    of_stock(inventory_event::Event::Released(inventory::StockReleased {
        order_id: order.to_string(),
        quantity,
    }))
}

pub fn committed(order: Uuid, quantity: i64) -> Message {
    of_stock(inventory_event::Event::Committed(
        inventory::StockCommitted {
            order_id: order.to_string(),
            quantity,
        },
    ))
}

pub fn retired() -> Message {
    of_stock(inventory_event::Event::Retired(inventory::StockRetired {}))
}

pub fn placed(product_id: Uuid, user_id: Uuid, quantity: i64, unit_price_minor: i64) -> Message {
    of_order(order_event::Event::Placed(order::OrderPlaced {
        product_id: product_id.to_string(),
        user_id: user_id.to_string(),
        quantity,
        unit_price_minor,
        currency: "USD".to_owned(),
        shipping_address: "1 High Street".to_owned(),
        customer_notes: None,
        placed_at_micros: time(0).timestamp_micros(),
    }))
}

pub fn changed(quantity: i64) -> Message {
    of_order(order_event::Event::Changed(order::OrderChanged {
        quantity,
        shipping_address: "2 High Street".to_owned(),
        customer_notes: Some("ring twice".to_owned()),
    }))
}

pub fn cancelled() -> Message {
    of_order(order_event::Event::Cancelled(order::OrderCancelled {}))
}

pub fn payment_started(payment_id: Uuid, attempt: Uuid) -> Message {
    of_order(order_event::Event::PaymentStarted(
        order::OrderPaymentStarted {
            payment_id: payment_id.to_string(),
            attempt_id: attempt.to_string(),
        },
    ))
}

pub fn payment_failed(attempt: Uuid) -> Message {
    of_order(order_event::Event::PaymentFailed(
        order::OrderPaymentFailed {
            attempt_id: attempt.to_string(),
            decline_code: "expired_card".to_owned(),
        },
    ))
}

pub fn completed(payment_id: Uuid, attempt: Uuid) -> Message {
    of_order(order_event::Event::Completed(order::OrderCompleted {
        payment_id: payment_id.to_string(),
        attempt_id: attempt.to_string(),
    }))
}

pub fn attempted(order: Uuid, user: Uuid, attempt: Uuid, amount_minor: i64) -> Message {
    of_payment(payment_event::Event::Attempted(payment::PaymentAttempted {
        order_id: order.to_string(),
        user_id: user.to_string(),
        attempt_id: attempt.to_string(),
        amount_minor,
        currency: "USD".to_owned(),
        card_brand: "visa".to_owned(),
        card_last4: "0077".to_owned(),
    }))
}

pub fn succeeded(order: Uuid, user: Uuid, attempt: Uuid, amount_minor: i64) -> Message {
    of_payment(payment_event::Event::Succeeded(payment::PaymentSucceeded {
        attempt_id: attempt.to_string(),
        order_id: order.to_string(),
        user_id: user.to_string(),
        amount_minor,
        currency: "USD".to_owned(),
    }))
}

pub fn declined(attempt: Uuid) -> Message {
    of_payment(payment_event::Event::Declined(payment::PaymentDeclined {
        attempt_id: attempt.to_string(),
        decline_code: "expired_card".to_owned(),
    }))
}

pub fn registered(username: &str) -> Message {
    of_user(user_event::Event::Registered(user::UserRegistered {
        username: username.to_owned(),
        email: format!("{username}@example.com"),
    }))
}

pub fn role_granted(role: &str) -> Message {
    of_user(user_event::Event::RoleGranted(user::UserRoleGranted {
        role: role.to_owned(),
    }))
}

pub fn role_revoked(role: &str) -> Message {
    of_user(user_event::Event::RoleRevoked(user::UserRoleRevoked {
        role: role.to_owned(),
    }))
}
