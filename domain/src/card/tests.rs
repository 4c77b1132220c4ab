use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use serde_json::json;

use super::{
    Brand, Card, CardError, CardNumber, Cvv, DeclineCode, Expiry, Last4, PaymentCard, TestCard,
};
use crate::testing::text;

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 31, 12, 0, 0).unwrap()
}

fn pay(number: &str, expiry: &str, cvv: &str) -> Result<Card, CardError> {
    let card = PaymentCard::new(number.parse()?, expiry.parse()?, cvv.parse()?, noon())?;
    Ok(card.card().clone())
}

#[test]
fn a_card_is_known_by_brand_and_last_digits() {
    for (number, cvv, brand, last4) in [
        ("4111111111111111", "123", Brand::Visa, "1111"),
        ("4222222222222", "123", Brand::Visa, "2222"),
        ("5105105105105100", "123", Brand::Mastercard, "5100"),
        ("2223003122003222", "123", Brand::Mastercard, "3222"),
        ("371449635398431", "1234", Brand::Amex, "8431"),
        ("6011111111111117", "123", Brand::Discover, "1117"),
        ("30569309025904", "123", Brand::Diners, "5904"),
        ("36227206271667", "123", Brand::Diners, "1667"),
        ("3530111333300000", "123", Brand::Jcb, "0000"),
        ("6200000000000005", "123", Brand::Unionpay, "0005"),
        ("6759649826438453", "123", Brand::Other, "8453"),
    ] {
        let last4 = text(last4);
        assert_eq!(
            pay(number, "12/30", cvv),
            Ok(Card { brand, last4 }),
            "{number}"
        );
    }
}

#[test]
fn spaces_and_dashes_in_a_number_are_for_the_eye() {
    let last4: Last4 = text("1111");
    for number in [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        " 4111111111111111 ",
    ] {
        assert_eq!(pay(number, "12/30", "123").unwrap().last4, last4);
    }
}

#[test]
fn a_mistyped_number_is_refused() {
    assert_eq!(
        pay("4111111111111112", "12/30", "123"),
        Err(CardError::CheckDigit)
    );
    assert_eq!(
        pay("1411111111111111", "12/30", "123"),
        Err(CardError::CheckDigit)
    );
    assert_eq!(
        pay("0000000000000000", "12/30", "123"),
        Err(CardError::CheckDigit)
    );
    for number in [
        "",
        "- -",
        "4111x11111111111",
        "٤١١١١١١١١١١١١١١١",
        "4111\u{0}1111",
        "+4111111111111111",
    ] {
        assert_eq!(
            pay(number, "12/30", "123"),
            Err(CardError::Digits),
            "{number}"
        );
    }
}

#[test]
fn a_number_has_as_many_digits_as_its_brand_prints() {
    for number in [
        "42",
        "41111111111",
        "41111111111111",
        "37144963539843",
        "51051051051051000",
        "60111111111111",
        "62000000000000000000",
    ] {
        assert_eq!(
            pay(number, "12/30", "123"),
            Err(CardError::Length),
            "{number}"
        );
    }
}

#[test]
fn a_card_is_good_until_its_month_is_over() {
    assert_eq!(
        pay("4111111111111111", "05/26", "123").unwrap().brand,
        Brand::Visa
    );
    assert_eq!(
        pay("4111111111111111", "04/26", "123"),
        Err(CardError::Expired)
    );
    assert_eq!(
        pay("4111111111111111", "12/25", "123"),
        Err(CardError::Expired)
    );
    let may: Expiry = text("05/26");
    assert!(!may.is_past(Utc.with_ymd_and_hms(2026, 5, 31, 23, 59, 59).unwrap()));
    assert!(may.is_past(Utc.with_ymd_and_hms(2026, 6, 1, 0, 0, 0).unwrap()));
}

#[test]
fn an_expiry_is_a_month_and_a_year() {
    for expiry in [
        "",
        "1230",
        "00/30",
        "13/30",
        "1/30",
        "12/3",
        "12/2030",
        "12-30",
        "12/30/1",
        "ab/cd",
        " 12/30",
        "+1/30",
        "१२/30",
    ] {
        assert_eq!(
            pay("4111111111111111", expiry, "123"),
            Err(CardError::Expiry),
            "{expiry}"
        );
    }
}

#[test]
fn the_cvv_is_as_long_as_the_brand_prints_it() {
    for cvv in ["", "12", "12345", "12a", "-12", "١٢٣"] {
        assert_eq!(
            pay("4111111111111111", "12/30", cvv),
            Err(CardError::Cvv),
            "{cvv}"
        );
    }
    assert_eq!(
        pay("4111111111111111", "12/30", "1234"),
        Err(CardError::CvvLength(3))
    );
    assert_eq!(
        pay("371449635398431", "12/30", "123"),
        Err(CardError::CvvLength(4))
    );
}

#[test]
fn a_listed_test_card_is_good_whatever_its_expiry() {
    for (number, cvv, outcome) in [
        ("4242424242424242", "123", TestCard::RateBound),
        ("5555555555554444", "123", TestCard::RateBound),
        ("378282246310005", "1234", TestCard::RateBound),
        ("4000000000000077", "123", TestCard::AlwaysSucceeds),
        (
            "4000000000000002",
            "123",
            TestCard::Declines(DeclineCode::GenericDecline),
        ),
        (
            "4000000000009995",
            "123",
            TestCard::Declines(DeclineCode::InsufficientFunds),
        ),
        (
            "4000000000000069",
            "123",
            TestCard::Declines(DeclineCode::ExpiredCard),
        ),
        (
            "4000000000000127",
            "123",
            TestCard::Declines(DeclineCode::IncorrectCvc),
        ),
        (
            "4000000000000119",
            "123",
            TestCard::Declines(DeclineCode::ProcessingError),
        ),
    ] {
        let card = pay(number, "12/25", cvv).unwrap();
        assert_eq!(
            TestCard::of(card.brand, &card.last4),
            Some(outcome),
            "{number}"
        );
    }
}

#[test]
fn a_listed_test_card_still_needs_a_well_formed_expiry_and_its_cvv() {
    assert_eq!(
        pay("4242424242424242", "13/25", "123"),
        Err(CardError::Expiry)
    );
    assert_eq!(
        pay("4242424242424242", "12/25", "1234"),
        Err(CardError::CvvLength(3))
    );
    assert_eq!(
        pay("378282246310005", "12/25", "123"),
        Err(CardError::CvvLength(4))
    );
}

#[test]
fn a_card_that_only_ends_like_a_test_card_must_not_have_expired() {
    assert_eq!(
        pay("4111111111174242", "12/25", "123"),
        Err(CardError::Expired)
    );
}

#[test]
fn other_cards_are_no_test_cards() {
    assert_eq!(TestCard::of(Brand::Visa, &text("1111")), None);
    assert_eq!(TestCard::of(Brand::Mastercard, &text("4242")), None);
    assert_eq!(TestCard::of(Brand::Other, &text("0002")), None);
}

#[test]
fn a_refusal_points_at_the_field() {
    for (error, field) in [
        (CardError::Digits, "card_number"),
        (CardError::Length, "card_number"),
        (CardError::CheckDigit, "card_number"),
        (CardError::Last4, "card_number"),
        (CardError::Expiry, "card_expiry"),
        (CardError::Expired, "card_expiry"),
        (CardError::Cvv, "card_cvv"),
        (CardError::CvvLength(3), "card_cvv"),
    ] {
        assert_eq!(error.field(), field);
    }
}

#[test]
fn neither_number_nor_cvv_is_printed_or_quoted() {
    let number: CardNumber = text("4111111111111111");
    assert_eq!(format!("{number:?}"), "CardNumber([redacted])");
    let cvv: Cvv = text("123");
    assert_eq!(format!("{cvv:?}"), "Cvv([redacted])");
    for json in ["4111111111111111", "-411", "4.5"] {
        let number = serde_json::from_str::<CardNumber>(json).unwrap_err();
        assert!(
            number.to_string().starts_with("must be a string"),
            "{number}"
        );
        let cvv = serde_json::from_str::<Cvv>(json).unwrap_err();
        assert!(cvv.to_string().starts_with("must be a string"), "{cvv}");
    }
    let error = serde_json::from_str::<CardNumber>(r#""4111111111111112""#).unwrap_err();
    assert!(!error.to_string().contains("4111"), "{error}");
}

#[test]
fn what_is_kept_of_a_card_is_stored_in_plain_words() {
    let card = Card {
        brand: Brand::Unionpay,
        last4: text("0005"),
    };
    let json = json!({"brand": "unionpay", "last4": "0005"});
    assert_eq!(serde_json::to_value(&card).unwrap(), json);
    assert_eq!(serde_json::from_value::<Card>(json).unwrap(), card);
    assert!(serde_json::from_value::<Last4>(json!("12345")).is_err());
    assert!(serde_json::from_value::<Last4>(json!("12a4")).is_err());
}

#[test]
fn brands_and_decline_codes_have_one_name_everywhere() {
    for brand in [
        Brand::Visa,
        Brand::Mastercard,
        Brand::Amex,
        Brand::Discover,
        Brand::Diners,
        Brand::Jcb,
        Brand::Unionpay,
        Brand::Other,
    ] {
        assert_eq!(serde_json::to_value(brand).unwrap(), brand.to_string());
    }
    for code in [
        DeclineCode::GenericDecline,
        DeclineCode::InsufficientFunds,
        DeclineCode::ExpiredCard,
        DeclineCode::IncorrectCvc,
        DeclineCode::ProcessingError,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.to_string());
    }
}

proptest! {
    #[test]
    fn one_wrong_digit_is_always_noticed(place in 1_usize..16, digit in 1_u8..10) {
        let mut number = *b"4111111111111111";
        number[place] = b'0' + (number[place] - b'0' + digit) % 10;
        let number = String::from_utf8(number.to_vec()).unwrap();
        prop_assert_eq!(number.parse::<CardNumber>(), Err(CardError::CheckDigit));
    }

    #[test]
    fn no_text_makes_a_card_panic(number in any::<String>(), expiry in any::<String>(), cvv in any::<String>()) {
        let _: Result<Card, CardError> = pay(&number, &expiry, &cvv);
    }
}
