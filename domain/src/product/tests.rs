use serde_json::json;

use super::{Command, Error, Event, Product};
use crate::money::Price;
use crate::testing::{self, Given, stored_as, text};

fn given(history: impl IntoIterator<Item = Event>) -> Given<Product> {
    testing::given(history)
}

fn price(text: &str) -> Price {
    Price::from_decimal(text).unwrap()
}

fn create() -> Command {
    Command::Create {
        name: text("Lamp"),
        description: text("Gives light"),
        price: price("19.99"),
        offered: true,
    }
}

fn change(cost: &str, offered: bool) -> Command {
    Command::Change {
        name: text("Lamp"),
        description: text("Gives light"),
        price: price(cost),
        offered,
    }
}

fn created() -> Event {
    Event::Created {
        name: text("Lamp"),
        description: text("Gives light"),
        price: price("19.99"),
        offered: true,
    }
}

fn changed(cost: &str, offered: bool) -> Event {
    Event::Changed {
        name: text("Lamp"),
        description: text("Gives light"),
        price: price(cost),
        offered,
    }
}

fn deleted() -> Event {
    Event::Deleted {}
}

#[test]
fn a_new_product_comes_into_the_catalogue() {
    given([]).when(create()).then([created()]);
}

#[test]
fn a_product_is_created_once() {
    given([created()])
        .when(create())
        .then_err(Error::AlreadyExists);
}

#[test]
fn a_deleted_product_is_not_created_again() {
    given([created(), deleted()])
        .when(create())
        .then_err(Error::AlreadyExists);
}

#[test]
fn a_product_is_described_anew() {
    given([created()])
        .when(change("24.99", true))
        .then([changed("24.99", true)]);
    given([created()])
        .when(change("19.99", false))
        .then([changed("19.99", false)]);
}

#[test]
fn describing_it_as_it_is_changes_nothing() {
    given([created()])
        .when(change("19.99", true))
        .then_nothing();
    given([created(), changed("24.99", false)])
        .when(change("24.99", false))
        .then_nothing();
}

#[test]
fn what_was_changed_can_be_changed_back() {
    given([created(), changed("24.99", true)])
        .when(change("19.99", true))
        .then([changed("19.99", true)]);
}

#[test]
fn a_product_that_is_not_there_can_not_be_changed() {
    given([]).when(change("1", true)).then_err(Error::NotFound);
    given([created(), deleted()])
        .when(change("1", true))
        .then_err(Error::NotFound);
}

#[test]
fn a_product_leaves_the_catalogue() {
    given([created()]).when(Command::Delete).then([deleted()]);
}

#[test]
fn a_product_that_is_not_there_can_not_be_deleted() {
    given([]).when(Command::Delete).then_err(Error::NotFound);
    given([created(), deleted()])
        .when(Command::Delete)
        .then_err(Error::NotFound);
}

#[test]
fn an_order_is_made_at_the_latest_price() {
    let product = given([created(), changed("24.99", true)]).is();
    assert_eq!(product.price_for_order(), Ok(price("24.99")));
}

#[test]
fn what_is_not_offered_can_not_be_ordered() {
    let product = given([created(), changed("19.99", false)]).is();
    assert_eq!(product.price_for_order(), Err(Error::NotOffered));
}

#[test]
fn what_is_not_in_the_catalogue_can_not_be_ordered() {
    assert_eq!(given([]).is().price_for_order(), Err(Error::NotFound));
    let product = given([created(), deleted()]).is();
    assert_eq!(product.price_for_order(), Err(Error::NotFound));
}

#[test]
fn every_event_is_stored_under_its_name() {
    let listing = json!({
        "name": "Lamp",
        "description": "Gives light",
        "price": {"minor": 1999, "currency": "USD"},
        "offered": true,
    });
    stored_as(&created(), &json!({"created": listing}));
    stored_as(&changed("19.99", true), &json!({"changed": listing}));
    stored_as(&deleted(), &json!({"deleted": {}}));
}
