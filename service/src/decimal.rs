//! Exact decimals in JSON: 19.99 leaves as `19.99`, never as `19.989999`. The one place that writes a price.

use serde_json::value::RawValue;

/// Whole minor units (cents) as a JSON number without superfluous digits: 99999 is `999.99`, 10 is `0.1`, 1000 is `10`.
#[must_use]
pub fn from_minor(minor: i64) -> Box<RawValue> {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, cents) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    from_text(&format!("{sign}{whole}.{cents:02}"))
}

/// A decimal's plain text (`999.90`, as a database's `numeric` shows it) as a JSON number without superfluous digits.
///
/// # Panics
/// When the text is no decimal, which is a mistake in the caller: texts from outside do not come here.
#[must_use]
pub fn from_text(text: &str) -> Box<RawValue> {
    let shortest = match text.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            digits => format!("{whole}.{digits}"),
        },
        None => text.to_owned(),
    };
    RawValue::from_string(shortest).expect("a decimal's text is a JSON number")
}

#[cfg(test)]
mod tests {
    use super::{from_minor, from_text};

    #[test]
    fn minor_units_become_the_shortest_exact_number() {
        for (minor, text) in [
            (10, "0.1"),
            (29, "0.29"),
            (115, "1.15"),
            (1_999, "19.99"),
            (99_999, "999.99"),
            (99_999_999, "999999.99"),
            (1_000, "10"),
            (0, "0"),
            (-5, "-0.05"),
        ] {
            assert_eq!(from_minor(minor).get(), text);
        }
    }

    #[test]
    fn a_database_text_loses_only_zeros_behind_the_point() {
        for (text, expected) in [
            ("999.90", "999.9"),
            ("100", "100"),
            ("100.00", "100"),
            ("0.05", "0.05"),
        ] {
            assert_eq!(from_text(text).get(), expected);
        }
    }
}
