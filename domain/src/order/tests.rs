use chrono::{DateTime, TimeZone, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Command, Details, Error, Event, Order, PaymentState};
use crate::card::DeclineCode;
use crate::id::{AttemptId, OrderId, PaymentId, ProductId, UserId};
use crate::money::{Money, Price};
use crate::quantity::Quantity;
use crate::testing::{self, Given, stored_as, text};

const CODE: DeclineCode = DeclineCode::InsufficientFunds;

fn given(history: impl IntoIterator<Item = Event>) -> Given<Order> {
    testing::given(history)
}

fn alice() -> UserId {
    Uuid::from_u128(1).into()
}

fn mallory() -> UserId {
    Uuid::from_u128(2).into()
}

fn product() -> ProductId {
    Uuid::from_u128(3).into()
}

fn payment() -> PaymentId {
    PaymentId::of(OrderId::from(Uuid::from_u128(4)))
}

fn first() -> AttemptId {
    Uuid::from_u128(5).into()
}

fn second() -> AttemptId {
    Uuid::from_u128(6).into()
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 4, 12, 0, 0).unwrap()
}

fn units(units: u32) -> Quantity {
    units.try_into().unwrap()
}

fn price() -> Price {
    Price::from_decimal("19.99").unwrap()
}

fn place() -> Command {
    Command::Place {
        product_id: product(),
        user_id: alice(),
        quantity: units(2),
        unit_price: price(),
        shipping_address: text("1 Main Street"),
        customer_notes: Some(text("ring twice")),
        at: noon(),
    }
}

fn change(by: UserId, quantity: u32) -> Command {
    Command::Change {
        by,
        quantity: units(quantity),
        shipping_address: text("1 Main Street"),
        customer_notes: Some(text("ring twice")),
    }
}

fn cancel(by: UserId) -> Command {
    Command::Cancel { by }
}

fn pay(by: UserId, attempt_id: AttemptId) -> Command {
    Command::StartPayment {
        by,
        payment_id: payment(),
        attempt_id,
    }
}

fn complete(attempt_id: AttemptId) -> Command {
    Command::Complete {
        payment_id: payment(),
        attempt_id,
    }
}

fn fail(attempt_id: AttemptId) -> Command {
    Command::FailPayment {
        attempt_id,
        code: CODE,
    }
}

fn placed() -> Event {
    Event::Placed {
        product_id: product(),
        user_id: alice(),
        quantity: units(2),
        unit_price: price(),
        shipping_address: text("1 Main Street"),
        customer_notes: Some(text("ring twice")),
        at: noon(),
    }
}

fn changed(quantity: u32) -> Event {
    Event::Changed {
        quantity: units(quantity),
        shipping_address: text("1 Main Street"),
        customer_notes: Some(text("ring twice")),
    }
}

fn cancelled() -> Event {
    Event::Cancelled {}
}

fn started(attempt_id: AttemptId) -> Event {
    Event::PaymentStarted {
        payment_id: payment(),
        attempt_id,
    }
}

fn failed(attempt_id: AttemptId) -> Event {
    Event::PaymentFailed {
        attempt_id,
        code: CODE,
    }
}

fn completed(attempt_id: AttemptId) -> Event {
    Event::Completed {
        payment_id: payment(),
        attempt_id,
    }
}

#[test]
fn a_product_is_ordered() {
    given([]).when(place()).then([placed()]);
}

#[test]
fn an_order_is_placed_once() {
    given([placed()])
        .when(place())
        .then_err(Error::AlreadyPlaced);
    given([placed(), cancelled()])
        .when(place())
        .then_err(Error::AlreadyPlaced);
    given([placed(), started(first()), completed(first())])
        .when(place())
        .then_err(Error::AlreadyPlaced);
}

#[test]
fn nothing_can_be_done_with_an_order_that_is_not_there() {
    for history in [vec![], vec![placed(), cancelled()]] {
        for wish in [
            change(alice(), 3),
            cancel(alice()),
            pay(alice(), first()),
            complete(first()),
            fail(first()),
        ] {
            given(history.clone()).when(wish).then_err(Error::NotFound);
        }
    }
}

#[test]
fn only_the_customer_may_change_cancel_or_pay() {
    for history in [
        vec![placed()],
        vec![placed(), started(first())],
        vec![placed(), started(first()), failed(first())],
        vec![placed(), started(first()), completed(first())],
    ] {
        for wish in [
            change(mallory(), 3),
            cancel(mallory()),
            pay(mallory(), first()),
            pay(mallory(), second()),
        ] {
            given(history.clone()).when(wish).then_err(Error::NotYours);
        }
    }
}

#[test]
fn an_order_is_changed_until_it_is_paid() {
    given([placed()])
        .when(change(alice(), 3))
        .then([changed(3)]);
    given([placed(), started(first()), failed(first())])
        .when(change(alice(), 3))
        .then([changed(3)]);
}

#[test]
fn address_and_notes_are_changed_too() {
    let (shipping_address, customer_notes) = (text("2 Side Street"), None);
    let wish = Command::Change {
        by: alice(),
        quantity: units(2),
        shipping_address,
        customer_notes,
    };
    let (shipping_address, customer_notes) = (text("2 Side Street"), None);
    given([placed()]).when(wish).then([Event::Changed {
        quantity: units(2),
        shipping_address,
        customer_notes,
    }]);
}

#[test]
fn changing_an_order_to_what_it_is_changes_nothing() {
    given([placed()]).when(change(alice(), 2)).then_nothing();
    given([placed(), changed(3)])
        .when(change(alice(), 3))
        .then_nothing();
}

#[test]
fn the_price_stays_when_the_quantity_changes() {
    let order = given([placed(), changed(3)]).is();
    let details = order.details().unwrap();
    assert_eq!(details.unit_price, price());
    assert_eq!(details.total(), Money::usd(5997));
}

#[test]
fn an_order_is_cancelled_until_it_is_paid() {
    given([placed()]).when(cancel(alice())).then([cancelled()]);
    given([placed(), started(first()), failed(first())])
        .when(cancel(alice()))
        .then([cancelled()]);
}

#[test]
fn a_paid_order_stands() {
    let history = [placed(), started(first()), completed(first())];
    for wish in [
        change(alice(), 3),
        change(alice(), 2),
        cancel(alice()),
        pay(alice(), second()),
        pay(alice(), first()),
        fail(first()),
        complete(second()),
    ] {
        given(history.clone())
            .when(wish)
            .then_err(Error::AlreadyPaid);
    }
}

#[test]
fn while_a_payment_is_open_the_order_stays_as_it_is() {
    let history = [placed(), started(first())];
    let refusal = Error::PaymentInProgress {
        attempt_id: first(),
    };
    for wish in [
        change(alice(), 3),
        change(alice(), 2),
        cancel(alice()),
        pay(alice(), second()),
    ] {
        given(history.clone()).when(wish).then_err(refusal);
    }
}

#[test]
fn a_payment_is_begun() {
    given([placed()])
        .when(pay(alice(), first()))
        .then([started(first())]);
}

#[test]
fn a_payment_begun_twice_is_one() {
    given([placed(), started(first())])
        .when(pay(alice(), first()))
        .then_nothing();
}

#[test]
fn a_declined_order_may_be_paid_by_another_attempt() {
    let history = [placed(), started(first()), failed(first())];
    given(history.clone())
        .when(pay(alice(), second()))
        .then([started(second())]);
    given(history)
        .when(pay(alice(), first()))
        .then_err(Error::NoSuchAttempt);
}

#[test]
fn the_open_attempt_completes_the_order() {
    given([placed(), started(first())])
        .when(complete(first()))
        .then([completed(first())]);
}

#[test]
fn an_order_completed_twice_is_completed_once() {
    given([placed(), started(first()), completed(first())])
        .when(complete(first()))
        .then_nothing();
}

#[test]
fn the_open_attempt_is_declined() {
    given([placed(), started(first())])
        .when(fail(first()))
        .then([failed(first())]);
}

#[test]
fn an_attempt_declined_twice_is_declined_once() {
    given([placed(), started(first()), failed(first())])
        .when(fail(first()))
        .then_nothing();
}

#[test]
fn only_the_open_attempt_is_answered() {
    for (history, other) in [
        (vec![placed()], first()),
        (vec![placed(), started(first())], second()),
        (vec![placed(), started(first()), failed(first())], second()),
    ] {
        given(history.clone())
            .when(complete(other))
            .then_err(Error::NoSuchAttempt);
        given(history)
            .when(fail(other))
            .then_err(Error::NoSuchAttempt);
    }
    given([placed(), started(first()), failed(first())])
        .when(complete(first()))
        .then_err(Error::NoSuchAttempt);
}

#[test]
fn an_order_knows_what_its_answer_shows() {
    let details = Details {
        product_id: product(),
        user_id: alice(),
        quantity: units(2),
        unit_price: price(),
        shipping_address: text("1 Main Street"),
        customer_notes: Some(text("ring twice")),
        placed_at: noon(),
    };
    let attempt_id = first();
    for (history, payment) in [
        (vec![placed()], PaymentState::Pending),
        (
            vec![placed(), started(attempt_id)],
            PaymentState::InProgress { attempt_id },
        ),
        (
            vec![placed(), started(attempt_id), failed(attempt_id)],
            PaymentState::Failed { attempt_id },
        ),
    ] {
        let order = Order::Placed {
            details: details.clone(),
            payment,
        };
        assert_eq!(given(history).is(), order);
    }
    let paid = given([placed(), started(attempt_id), completed(attempt_id)]).is();
    assert_eq!(paid.details(), Some(&details));
    assert_eq!(given([placed(), cancelled()]).is().details(), None);
    assert_eq!(given([]).is().details(), None);
}

#[test]
fn who_has_no_right_learns_nothing() {
    assert_eq!(Error::NotYours.to_string(), Error::NotFound.to_string());
}

#[test]
fn every_event_is_stored_under_its_name() {
    let [user, product, attempt] = [1, 3, 5].map(|id| Uuid::from_u128(id).to_string());
    let payment = payment().to_string();
    stored_as(
        &placed(),
        &json!({"placed": {
            "product_id": product,
            "user_id": user,
            "quantity": 2,
            "unit_price": {"minor": 1999, "currency": "USD"},
            "shipping_address": "1 Main Street",
            "customer_notes": "ring twice",
            "at": "2026-05-04T12:00:00Z",
        }}),
    );
    stored_as(
        &changed(3),
        &json!({"changed": {
            "quantity": 3,
            "shipping_address": "1 Main Street",
            "customer_notes": "ring twice",
        }}),
    );
    stored_as(&cancelled(), &json!({"cancelled": {}}));
    stored_as(
        &started(first()),
        &json!({"payment-started": {"payment_id": payment, "attempt_id": attempt}}),
    );
    stored_as(
        &failed(first()),
        &json!({"payment-failed": {"attempt_id": attempt, "code": "insufficient_funds"}}),
    );
    stored_as(
        &completed(first()),
        &json!({"completed": {"payment_id": payment, "attempt_id": attempt}}),
    );
}
