use serde_json::json;
use uuid::Uuid;

use super::{Command, Error, Event, Levels, Stock};
use crate::id::{OrderId, ProductId};
use crate::quantity::{Adjustment, Quantity, StockLevel};
use crate::testing::{self, Given, stored_as, text};

fn given(history: impl IntoIterator<Item = Event>) -> Given<Stock> {
    testing::given(history)
}

fn product_id() -> ProductId {
    Uuid::from_u128(1).into()
}

fn order_id() -> OrderId {
    Uuid::from_u128(2).into()
}

fn units(units: u32) -> Quantity {
    units.try_into().unwrap()
}

fn level(units: u32) -> StockLevel {
    units.try_into().unwrap()
}

fn open(units: u32) -> Command {
    let product_id = product_id();
    Command::Open {
        product_id,
        level: level(units),
    }
}

fn set(units: u32) -> Command {
    Command::SetLevel {
        level: level(units),
    }
}

fn adjust(by: i64) -> Command {
    let by = by.try_into().unwrap();
    Command::Adjust { by, reason: None }
}

fn reserve(quantity: u32) -> Command {
    Command::Reserve {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn release(quantity: u32) -> Command {
    Command::Release {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn commit(quantity: u32) -> Command {
    Command::Commit {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn opened(units: u32) -> Event {
    let product_id = product_id();
    Event::Opened {
        product_id,
        level: level(units),
    }
}

fn level_set(units: u32) -> Event {
    Event::LevelSet {
        level: level(units),
    }
}

fn adjusted(by: i64) -> Event {
    let by = by.try_into().unwrap();
    Event::Adjusted { by, reason: None }
}

fn reserved(quantity: u32) -> Event {
    Event::Reserved {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn released(quantity: u32) -> Event {
    Event::Released {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn committed(quantity: u32) -> Event {
    Event::Committed {
        order_id: order_id(),
        quantity: units(quantity),
    }
}

fn retired() -> Event {
    Event::Retired {}
}

#[test]
fn stock_of_a_product_begins_with_what_lies_there() {
    given([]).when(open(0)).then([opened(0)]);
    given([])
        .when(open(1_000_000_000))
        .then([opened(1_000_000_000)]);
}

#[test]
fn a_product_has_one_stock_record() {
    given([opened(1)])
        .when(open(1))
        .then_err(Error::AlreadyOpen);
    given([opened(1), retired()])
        .when(open(1))
        .then_err(Error::AlreadyOpen);
}

#[test]
fn the_level_is_set_to_what_was_counted() {
    given([opened(1)]).when(set(7)).then([level_set(7)]);
}

#[test]
fn setting_the_level_to_what_it_is_changes_nothing() {
    given([opened(7)]).when(set(7)).then_nothing();
    given([opened(1), adjusted(6)]).when(set(7)).then_nothing();
}

#[test]
fn the_level_is_never_set_below_what_is_reserved() {
    let history = [opened(9), reserved(5)];
    given(history.clone()).when(set(5)).then([level_set(5)]);
    given(history)
        .when(set(4))
        .then_err(Error::BelowReserved { reserved: 5 });
}

#[test]
fn units_come_and_go_for_a_reason() {
    let (by, reason) = (Adjustment::try_from(-2_i64).unwrap(), Some(text("broken")));
    let wish = Command::Adjust {
        by,
        reason: reason.clone(),
    };
    given([opened(2)])
        .when(wish)
        .then([Event::Adjusted { by, reason }]);
}

#[test]
fn an_adjustment_said_twice_is_two_adjustments() {
    given([opened(0), adjusted(3)])
        .when(adjust(3))
        .then([adjusted(3)]);
}

#[test]
fn no_adjustment_takes_more_than_there_is() {
    given([opened(5)]).when(adjust(-5)).then([adjusted(-5)]);
    given([opened(5)]).when(adjust(-6)).then_err(Error::TooLow);
}

#[test]
fn no_adjustment_takes_what_is_reserved() {
    let history = [opened(5), reserved(2)];
    given(history.clone()).when(adjust(-3)).then([adjusted(-3)]);
    given(history)
        .when(adjust(-4))
        .then_err(Error::BelowReserved { reserved: 2 });
}

#[test]
fn no_adjustment_fills_the_shelf_beyond_its_end() {
    let history = [opened(999_999_999)];
    given(history.clone()).when(adjust(1)).then([adjusted(1)]);
    given(history.clone())
        .when(adjust(2))
        .then_err(Error::TooHigh);
    given(history)
        .when(adjust(1_000_000_000))
        .then_err(Error::TooHigh);
}

#[test]
fn where_no_stock_is_kept_there_is_nothing_to_set_or_adjust() {
    given([]).when(set(1)).then_err(Error::NotFound);
    given([]).when(adjust(1)).then_err(Error::NotFound);
}

#[test]
fn free_units_are_reserved_to_the_last_one() {
    given([opened(5), reserved(2)])
        .when(reserve(3))
        .then([reserved(3)]);
}

#[test]
fn no_unit_is_promised_twice() {
    given([opened(5), reserved(2)])
        .when(reserve(4))
        .then_err(Error::Insufficient { available: 3 });
}

#[test]
fn where_no_stock_is_kept_none_is_available() {
    given([])
        .when(reserve(1))
        .then_err(Error::Insufficient { available: 0 });
}

#[test]
fn what_is_released_may_be_reserved_again() {
    let history = [opened(5), reserved(5), released(2)];
    given(history.clone()).when(reserve(2)).then([reserved(2)]);
    given(history)
        .when(reserve(3))
        .then_err(Error::Insufficient { available: 2 });
}

#[test]
fn what_is_sold_leaves_the_shelf() {
    let stock = given([opened(9), reserved(5), committed(3)]).is();
    let levels = Levels {
        product_id: product_id(),
        level: 6,
        reserved: 2,
        sold: 3,
    };
    assert_eq!(stock.levels(), Some(&levels));
    assert_eq!(levels.available(), 4);
}

#[test]
fn only_what_is_reserved_is_sold_or_released() {
    let history = [opened(9), reserved(5), released(1), committed(2)];
    given(history.clone()).when(commit(2)).then([committed(2)]);
    given(history.clone()).when(release(2)).then([released(2)]);
    given(history.clone())
        .when(commit(3))
        .then_err(Error::NotReserved);
    given(history).when(release(3)).then_err(Error::NotReserved);
}

#[test]
fn where_no_stock_is_kept_none_is_sold_or_released() {
    given([]).when(commit(1)).then_err(Error::NotFound);
    given([]).when(release(1)).then_err(Error::NotFound);
}

#[test]
fn a_deleted_products_stock_is_retired() {
    given([opened(9)]).when(Command::Retire).then([retired()]);
}

#[test]
fn retiring_twice_or_what_never_was_changes_nothing() {
    given([opened(9), retired()])
        .when(Command::Retire)
        .then_nothing();
    given([]).when(Command::Retire).then_nothing();
}

#[test]
fn retired_stock_takes_no_new_reservation_and_no_new_level() {
    let history = [opened(9), retired()];
    given(history.clone())
        .when(reserve(1))
        .then_err(Error::Retired);
    given(history.clone()).when(set(1)).then_err(Error::Retired);
    given(history.clone()).when(set(9)).then_err(Error::Retired);
    given(history).when(adjust(1)).then_err(Error::Retired);
}

#[test]
fn what_was_reserved_before_retiring_is_still_sold_or_released() {
    let history = [opened(9), reserved(5), retired()];
    given(history.clone()).when(commit(5)).then([committed(5)]);
    given(history.clone()).when(release(5)).then([released(5)]);
    given(history.clone())
        .when(commit(6))
        .then_err(Error::NotReserved);
    given(history).when(release(6)).then_err(Error::NotReserved);
}

#[test]
fn retired_stock_keeps_count() {
    let stock = given([opened(9), reserved(5), retired(), committed(3), released(2)]).is();
    let levels = Levels {
        product_id: product_id(),
        level: 6,
        reserved: 0,
        sold: 3,
    };
    assert_eq!(stock, Stock::Retired(levels));
}

#[test]
fn no_levels_are_known_where_no_stock_is_kept() {
    assert_eq!(given([]).is().levels(), None);
}

#[test]
fn every_event_is_stored_under_its_name() {
    let [product, order] = [1, 2].map(|id| Uuid::from_u128(id).to_string());
    let reservation = json!({"order_id": order, "quantity": 2});
    let (by, reason) = (Adjustment::try_from(-2_i64).unwrap(), Some(text("broken")));
    stored_as(
        &opened(9),
        &json!({"opened": {"product_id": product, "level": 9}}),
    );
    stored_as(&level_set(7), &json!({"level-set": {"level": 7}}));
    stored_as(
        &Event::Adjusted { by, reason },
        &json!({"adjusted": {"by": -2, "reason": "broken"}}),
    );
    stored_as(
        &adjusted(3),
        &json!({"adjusted": {"by": 3, "reason": null}}),
    );
    stored_as(&reserved(2), &json!({"reserved": reservation}));
    stored_as(&released(2), &json!({"released": reservation}));
    stored_as(&committed(2), &json!({"committed": reservation}));
    stored_as(&retired(), &json!({"retired": {}}));
}
