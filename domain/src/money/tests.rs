use proptest::prelude::*;
use serde_json::json;

use super::{Money, Price, PriceError};
use crate::quantity::Quantity;

#[test]
fn a_price_comes_back_digit_for_digit() {
    for (written, shown) in [
        ("0.01", "0.01"),
        ("0.1", "0.10"),
        ("0.29", "0.29"),
        ("1.15", "1.15"),
        ("19.99", "19.99"),
        ("999.99", "999.99"),
        ("999999.99", "999999.99"),
        ("1000000", "1000000.00"),
        ("1000000.00", "1000000.00"),
    ] {
        assert_eq!(Price::from_decimal(written).unwrap().to_string(), shown);
    }
}

#[test]
fn exponents_and_trailing_zeros_mean_what_they_say() {
    for (written, minor) in [
        ("1e2", 10_000),
        ("1E+2", 10_000),
        ("9.9999e2", 99_999),
        ("1999e-2", 1_999),
        ("0.0000001e5", 1),
        ("1e6", 100_000_000),
        ("1.10", 110),
        ("1.1000000000000000000000000000000000000000", 110),
        ("100e-2", 100),
        ("1000000000000000000000000000000e-28", 10_000),
        ("0.01e0", 1),
    ] {
        assert_eq!(
            Price::from_decimal(written).map(Price::money),
            Ok(Money::usd(minor)),
            "{written}"
        );
    }
}

#[test]
fn no_fraction_of_a_cent_is_rounded_away() {
    for written in [
        "1.005",
        "0.001",
        "1e-3",
        "1.00000000000000000000000000000000000001",
        "1e-99999999999999999999",
        "123456789012345678901234567890.123",
    ] {
        assert_eq!(
            Price::from_decimal(written),
            Err(PriceError::TooManyPlaces),
            "{written}"
        );
    }
}

#[test]
fn a_price_is_at_least_a_cent_and_at_most_a_million() {
    for written in [
        "0",
        "0.00",
        "-0",
        "-1",
        "-0.01",
        "1000000.01",
        "1e9",
        "1e400",
        "1e99999999999999999999",
        "0e99999999999999999999",
        "0e-99999999999999999999",
        "123456789012345678901234567890",
    ] {
        assert_eq!(
            Price::from_decimal(written),
            Err(PriceError::OutOfRange),
            "{written}"
        );
    }
    assert_eq!(
        Price::try_from(Money::usd(100_000_001)),
        Err(PriceError::OutOfRange)
    );
    assert_eq!(Price::try_from(Money::usd(0)), Err(PriceError::OutOfRange));
}

#[test]
fn what_is_no_number_is_no_price() {
    for written in [
        "", "-", ".", "1.", ".5", "+1", "NaN", "Infinity", "\"12\"", "null", "1 ", " 1", "1_000",
        "1,5", "1e", "e5", "1e1.5", "1e+-1", "0x10", "1.2.3", "--1", "١", "1\0",
    ] {
        assert_eq!(
            Price::from_decimal(written),
            Err(PriceError::NotANumber),
            "{written}"
        );
    }
}

#[test]
fn money_is_stored_as_minor_units_with_a_currency() {
    let price = Price::from_decimal("999.99").unwrap();
    let json = json!({"minor": 99_999, "currency": "USD"});
    assert_eq!(serde_json::to_value(price).unwrap(), json);
    assert_eq!(serde_json::from_value::<Price>(json).unwrap(), price);
}

#[test]
fn a_stored_price_goes_through_the_same_door() {
    let json = json!({"minor": 0, "currency": "USD"});
    let error = serde_json::from_value::<Price>(json).unwrap_err();
    assert_eq!(error.to_string(), "must be 0.01 to 1000000.00");
}

#[test]
fn sums_of_money_fail_rather_than_lie() {
    let most = Money::usd(i64::MAX);
    assert_eq!(most.checked_add(Money::usd(1)), None);
    assert_eq!(most.checked_mul(2), None);
    assert_eq!(
        Money::usd(1).checked_add(Money::usd(2)),
        Some(Money::usd(3))
    );
    assert_eq!(Money::usd(1999).checked_mul(3), Some(Money::usd(5997)));
}

#[test]
fn the_dearest_order_has_a_total() {
    let dearest = Price::from_decimal("1000000").unwrap();
    let most = Quantity::try_from(1000_u32).unwrap();
    assert_eq!(dearest.times(most).to_string(), "1000000000.00");
}

#[test]
fn money_is_shown_with_its_sign_and_two_places() {
    assert_eq!(Money::usd(5).to_string(), "0.05");
    assert_eq!(Money::usd(-5).to_string(), "-0.05");
    assert_eq!(Money::usd(i64::MIN).to_string(), "-92233720368547758.08");
}

proptest! {
    #[test]
    fn every_price_survives_being_written_and_read(minor in 1_i64..=100_000_000) {
        let price = Price::try_from(Money::usd(minor)).unwrap();
        prop_assert_eq!(Price::from_decimal(&price.to_string()), Ok(price));
        let moved = format!("{minor}e-2");
        prop_assert_eq!(Price::from_decimal(&moved), Ok(price));
    }

    #[test]
    fn no_text_makes_a_price_panic(text in "[-+.eE0-9]{0,40}|.*") {
        let _: Result<Price, PriceError> = Price::from_decimal(&text);
    }
}
