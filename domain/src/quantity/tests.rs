use super::{Adjustment, Difference, Quantity, QuantityError, StockLevel};

fn quantity(units: u32) -> Quantity {
    units.try_into().unwrap()
}

#[test]
fn an_order_is_of_1_to_1000_units() {
    for units in [1_i64, 1000] {
        assert_eq!(i64::from(Quantity::try_from(units).unwrap()), units);
    }
    for units in [i64::MIN, -1, 0, 1001, i64::from(u32::MAX) + 2, i64::MAX] {
        assert_eq!(Quantity::try_from(units), Err(QuantityError::Quantity));
    }
}

#[test]
fn a_shelf_holds_none_to_a_milliard() {
    for units in [0_i64, 1_000_000_000] {
        assert_eq!(i64::from(StockLevel::try_from(units).unwrap()), units);
    }
    for units in [i64::MIN, -1, 1_000_000_001, 1 << 32, i64::MAX] {
        assert_eq!(StockLevel::try_from(units), Err(QuantityError::StockLevel));
    }
}

#[test]
fn an_adjustment_is_never_of_nothing() {
    for units in [-1_000_000_000_i64, -1, 1, 1_000_000_000] {
        assert_eq!(Adjustment::try_from(units).unwrap().get(), units);
    }
    for units in [i64::MIN, -1_000_000_001, 0, 1_000_000_001, i64::MAX] {
        assert_eq!(Adjustment::try_from(units), Err(QuantityError::Adjustment));
    }
}

#[test]
fn the_difference_of_two_quantities_is_what_to_reserve_or_release() {
    assert_eq!(quantity(3).difference_to(quantity(3)), Difference::Same);
    assert_eq!(
        quantity(1).difference_to(quantity(1000)),
        Difference::More(quantity(999))
    );
    assert_eq!(
        quantity(5).difference_to(quantity(3)),
        Difference::Fewer(quantity(2))
    );
}

#[test]
fn json_goes_through_the_same_door() {
    let two: Quantity = serde_json::from_str("2").unwrap();
    assert_eq!(two, quantity(2));
    assert_eq!(serde_json::to_string(&two).unwrap(), "2");
    for (json, text) in [("0", "must be 1 to 1000"), ("-1", "must be 1 to 1000")] {
        let error = serde_json::from_str::<Quantity>(json).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    for json in ["1.5", "2.0", "\"2\"", "null", "1e30"] {
        assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json}");
    }
}
