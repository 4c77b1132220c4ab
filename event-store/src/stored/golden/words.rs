//! The words that events are stored with: a kind of card, a reason to decline. They are as good as names of events.

use std::fmt::Debug;

use domain::account::Role;
use domain::card::{Brand, DeclineCode};
use domain::claim::Kind;
use domain::money::Currency;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Each of an enumeration's words. Where one is missing, it does not compile.
macro_rules! words {
    ($($value:path => $word:literal),+ $(,)?) => {{
        let _ = |value| match value {
            $($value => (),)+
        };
        $(is_stored_as(&$value, $word);)+
    }};
}

#[track_caller]
fn is_stored_as<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, word: &str) {
    assert_eq!(serde_json::to_value(value).expect("JSON"), json!(word));
    let read: T = serde_json::from_value(json!(word)).expect("it is understood");
    assert_eq!(read, *value);
}

#[test]
fn a_card_is_stored_with_the_word_that_its_brand_always_had() {
    words!(
        Brand::Visa => "visa",
        Brand::Mastercard => "mastercard",
        Brand::Amex => "amex",
        Brand::Discover => "discover",
        Brand::Diners => "diners",
        Brand::Jcb => "jcb",
        Brand::Unionpay => "unionpay",
        Brand::Other => "other",
    );
}

#[test]
fn a_refusal_of_the_gateway_is_stored_with_the_word_that_it_always_had() {
    words!(
        DeclineCode::GenericDecline => "generic_decline",
        DeclineCode::InsufficientFunds => "insufficient_funds",
        DeclineCode::ExpiredCard => "expired_card",
        DeclineCode::IncorrectCvc => "incorrect_cvc",
        DeclineCode::ProcessingError => "processing_error",
    );
}

#[test]
fn roles_kinds_of_names_and_currencies_are_stored_with_the_words_that_they_always_had() {
    words!(Role::Customer => "customer", Role::Admin => "admin");
    words!(Kind::Username => "username", Kind::Email => "email");
    words!(Currency::Usd => "USD");
}
