//! The one mapping from what is stored to what is published. `None` is an answer: that event is nobody else's business.

use domain::{Aggregate, account, claim, order, payment, product, session, stock};
use proto::inventory::v1 as inventory_v1;
use proto::order::v1 as order_v1;
use proto::payment::v1 as payment_v1;
use proto::product::v1 as product_v1;
use proto::user::v1 as user_v1;
use proto::{Message, Topic};

use crate::stored::{Raw, Unreadable};

/// The static name of an aggregate type, where we have such aggregates.
pub(crate) fn known_type(name: &str) -> Option<&'static str> {
    [
        product::Product::TYPE,
        stock::Stock::TYPE,
        order::Order::TYPE,
        payment::Payment::TYPE,
        account::Account::TYPE,
        claim::Claim::TYPE,
        session::Session::TYPE,
    ]
    .into_iter()
    .find(|known| *known == name)
}

/// The topic of its context that an event is published on, by its names alone; `None` where [`publish`] has no message.
pub(crate) fn topic(aggregate_type: &str, event_type: &str) -> Option<Topic> {
    Some(match (aggregate_type, event_type) {
        (product::Product::TYPE, _) => Topic::Product,
        (stock::Stock::TYPE, _) => Topic::Inventory,
        (order::Order::TYPE, _) => Topic::Order,
        (payment::Payment::TYPE, _) => Topic::Payment,
        (account::Account::TYPE, "password-rehashed") => return None,
        (account::Account::TYPE, _) => Topic::User,
        _ => return None,
    })
}

/// The message that a stored event is published as.
pub(crate) fn publish(raw: &Raw<'_>) -> Result<Option<Message>, Unreadable> {
    Ok(match raw.aggregate_type {
        product::Product::TYPE => Some(of_product(raw.decode()?)),
        stock::Stock::TYPE => Some(of_stock(raw.decode()?)),
        order::Order::TYPE => Some(of_order(raw.decode()?)),
        payment::Payment::TYPE => Some(of_payment(raw.decode()?)),
        account::Account::TYPE => of_account(raw.decode()?),
        // Which names are taken and who is logged in stays inside.
        claim::Claim::TYPE | session::Session::TYPE => None,
        _ => return Err(raw.unreadable(&"no such aggregate type")),
    })
}

fn of_product(event: product::Event) -> Message {
    use product::Event;
    use product_v1::product_event::Event as Wire;
    let event = match event {
        Event::Created {
            name,
            description,
            price,
            offered,
        } => Wire::Created(product_v1::ProductCreated {
            name: name.into(),
            description: description.into(),
            price_minor: price.money().minor,
            currency: price.money().currency.code().to_owned(),
            offered,
        }),
        Event::Changed {
            name,
            description,
            price,
            offered,
        } => Wire::Changed(product_v1::ProductChanged {
            name: name.into(),
            description: description.into(),
            price_minor: price.money().minor,
            currency: price.money().currency.code().to_owned(),
            offered,
        }),
        Event::Deleted {} => Wire::Deleted(product_v1::ProductDeleted {}),
    };
    Message::Product(product_v1::ProductEvent { event: Some(event) })
}

fn of_stock(event: stock::Event) -> Message {
    use inventory_v1::inventory_event::Event as Wire;
    use stock::Event;
    let event = match event {
        Event::Opened { product_id, level } => Wire::Opened(inventory_v1::StockOpened {
            product_id: product_id.to_string(),
            stock_level: level.get().into(),
        }),
        Event::LevelSet { level } => Wire::LevelSet(inventory_v1::StockLevelSet {
            stock_level: level.get().into(),
        }),
        Event::Adjusted { by, reason } => Wire::Adjusted(inventory_v1::StockAdjusted {
            by: by.get(),
            reason: reason.map(Into::into),
        }),
        Event::Reserved { order_id, quantity } => Wire::Reserved(inventory_v1::StockReserved {
            order_id: order_id.to_string(),
            quantity: quantity.get().into(),
        }),
        Event::Released { order_id, quantity } => Wire::Released(inventory_v1::StockReleased {
            order_id: order_id.to_string(),
            quantity: quantity.get().into(),
        }),
        Event::Committed { order_id, quantity } => Wire::Committed(inventory_v1::StockCommitted {
            order_id: order_id.to_string(),
            quantity: quantity.get().into(),
        }),
        Event::Retired {} => Wire::Retired(inventory_v1::StockRetired {}),
    };
    Message::Inventory(inventory_v1::InventoryEvent { event: Some(event) })
}

fn of_order(event: order::Event) -> Message {
    use order::Event;
    use order_v1::order_event::Event as Wire;
    let event = match event {
        Event::Placed {
            product_id,
            user_id,
            quantity,
            unit_price,
            shipping_address,
            customer_notes,
            at,
        } => Wire::Placed(order_v1::OrderPlaced {
            product_id: product_id.to_string(),
            user_id: user_id.to_string(),
            quantity: quantity.get().into(),
            unit_price_minor: unit_price.money().minor,
            currency: unit_price.money().currency.code().to_owned(),
            shipping_address: shipping_address.into(),
            customer_notes: customer_notes.map(Into::into),
            placed_at_micros: at.timestamp_micros(),
        }),
        Event::Changed {
            quantity,
            shipping_address,
            customer_notes,
        } => Wire::Changed(order_v1::OrderChanged {
            quantity: quantity.get().into(),
            shipping_address: shipping_address.into(),
            customer_notes: customer_notes.map(Into::into),
        }),
        Event::Cancelled {} => Wire::Cancelled(order_v1::OrderCancelled {}),
        Event::PaymentStarted {
            payment_id,
            attempt_id,
        } => Wire::PaymentStarted(order_v1::OrderPaymentStarted {
            payment_id: payment_id.to_string(),
            attempt_id: attempt_id.to_string(),
        }),
        Event::PaymentFailed { attempt_id, code } => {
            Wire::PaymentFailed(order_v1::OrderPaymentFailed {
                attempt_id: attempt_id.to_string(),
                decline_code: code.to_string(),
            })
        }
        Event::Completed {
            payment_id,
            attempt_id,
        } => Wire::Completed(order_v1::OrderCompleted {
            payment_id: payment_id.to_string(),
            attempt_id: attempt_id.to_string(),
        }),
    };
    Message::Order(order_v1::OrderEvent { event: Some(event) })
}

fn of_payment(event: payment::Event) -> Message {
    use payment::Event;
    use payment_v1::payment_event::Event as Wire;
    let event = match event {
        Event::Attempted {
            order_id,
            user_id,
            attempt_id,
            amount,
            card,
        } => Wire::Attempted(payment_v1::PaymentAttempted {
            order_id: order_id.to_string(),
            user_id: user_id.to_string(),
            attempt_id: attempt_id.to_string(),
            amount_minor: amount.minor,
            currency: amount.currency.code().to_owned(),
            card_brand: card.brand.to_string(),
            card_last4: card.last4.to_string(),
        }),
        Event::Succeeded {
            attempt_id,
            order_id,
            user_id,
            amount,
        } => Wire::Succeeded(payment_v1::PaymentSucceeded {
            attempt_id: attempt_id.to_string(),
            order_id: order_id.to_string(),
            user_id: user_id.to_string(),
            amount_minor: amount.minor,
            currency: amount.currency.code().to_owned(),
        }),
        Event::Declined { attempt_id, code } => Wire::Declined(payment_v1::PaymentDeclined {
            attempt_id: attempt_id.to_string(),
            decline_code: code.to_string(),
        }),
    };
    Message::Payment(payment_v1::PaymentEvent { event: Some(event) })
}

fn of_account(event: account::Event) -> Option<Message> {
    use account::Event;
    use user_v1::user_event::Event as Wire;
    let event = match event {
        Event::Registered {
            username,
            email,
            password_hash: _,
        } => Wire::Registered(user_v1::UserRegistered {
            username: username.into(),
            email: email.into(),
        }),
        Event::PasswordRehashed { password_hash: _ } => return None,
        Event::RoleGranted { role } => Wire::RoleGranted(user_v1::UserRoleGranted {
            role: role.to_string(),
        }),
        Event::RoleRevoked { role } => Wire::RoleRevoked(user_v1::UserRoleRevoked {
            role: role.to_string(),
        }),
    };
    Some(Message::User(user_v1::UserEvent { event: Some(event) }))
}

#[cfg(test)]
mod tests;
