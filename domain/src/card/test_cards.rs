use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Brand, Last4};

/// Why a gateway declines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineCode {
    /// It does not say.
    GenericDecline,
    /// Too little money.
    InsufficientFunds,
    /// The card is past its time.
    ExpiredCard,
    /// The cvv is another.
    IncorrectCvc,
    /// Something went wrong on the way.
    ProcessingError,
}

impl DeclineCode {
    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DeclineCode::GenericDecline => "generic_decline",
            DeclineCode::InsufficientFunds => "insufficient_funds",
            DeclineCode::ExpiredCard => "expired_card",
            DeclineCode::IncorrectCvc => "incorrect_cvc",
            DeclineCode::ProcessingError => "processing_error",
        }
    }
}

impl fmt::Display for DeclineCode {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A listed card, by which a test gets the outcome that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TestCard {
    /// As any card: the gateway's success rate applies.
    RateBound,
    /// Always paid.
    AlwaysSucceeds,
    /// Always declined, for this reason.
    Declines(DeclineCode),
}

const LISTED: [(&str, TestCard); 9] = [
    ("4242424242424242", TestCard::RateBound),
    ("5555555555554444", TestCard::RateBound),
    ("378282246310005", TestCard::RateBound),
    ("4000000000000077", TestCard::AlwaysSucceeds),
    (
        "4000000000000002",
        TestCard::Declines(DeclineCode::GenericDecline),
    ),
    (
        "4000000000009995",
        TestCard::Declines(DeclineCode::InsufficientFunds),
    ),
    (
        "4000000000000069",
        TestCard::Declines(DeclineCode::ExpiredCard),
    ),
    (
        "4000000000000127",
        TestCard::Declines(DeclineCode::IncorrectCvc),
    ),
    (
        "4000000000000119",
        TestCard::Declines(DeclineCode::ProcessingError),
    ),
];

impl TestCard {
    /// The listed card of this brand that ends so: nothing else of a card is kept.
    #[must_use]
    pub fn of(brand: Brand, last4: &Last4) -> Option<TestCard> {
        LISTED
            .into_iter()
            .find(|(number, _)| Brand::of(number) == brand && number.ends_with(last4.as_str()))
            .map(|(_, card)| card)
    }
}

pub(super) fn is_listed(number: &str) -> bool {
    LISTED.iter().any(|(listed, _)| *listed == number)
}
