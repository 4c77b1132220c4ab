use proptest::prelude::*;

use super::{Email, NameError, Username};
use crate::testing::text;

#[track_caller]
fn same(one: &str, other: &str) {
    let (one, other): (Username, Username) = (text(one), text(other));
    assert_eq!(one.normalised(), other.normalised());
}

#[test]
fn a_name_is_the_same_whatever_its_case_width_or_unicode_form() {
    same("alice", "ALICE");
    same("Zoë1", "Zoe\u{308}1"); // one character, or two
    same("ÉLODIE", "e\u{301}lodie");
    same("ａｌｉｃｅ", "alice"); // full width
    same("мария", "МАРИЯ");
    same("ΟΔΥΣΣΕΥΣ", "οδυσσευς"); // both small sigmas are one capital
}

#[test]
fn names_that_read_differently_are_different() {
    let (one, other): (Username, Username) = (text("alice1"), text("alice2"));
    assert_ne!(one.normalised(), other.normalised());
}

#[test]
fn a_name_keeps_the_spelling_it_was_given() {
    let name: Username = text("Élodie");
    assert_eq!(name.as_str(), "Élodie");
    assert_eq!(serde_json::to_value(&name).unwrap(), "Élodie");
    let email: Email = text("Élodie@Example.COM");
    assert_eq!(email.to_string(), "Élodie@Example.COM");
    assert_eq!(email.normalised(), "élodie@example.com");
}

#[test]
fn names_of_any_script_are_welcome() {
    for name in [
        "bob",
        "王小明",
        "さくら",
        "أحمد",
        "דוד",
        "नरेंद्र",
        "o'neil",
        "a.b-c_d",
        "x+y@z",
    ] {
        assert!(name.parse::<Username>().is_ok(), "{name}");
    }
}

#[test]
fn a_username_is_3_to_64_characters_long() {
    for name in ["", "ab", "éé"] {
        assert_eq!(name.parse::<Username>(), Err(NameError::UsernameLength));
    }
    assert!("é".repeat(64).parse::<Username>().is_ok());
    assert_eq!(
        "é".repeat(65).parse::<Username>(),
        Err(NameError::UsernameLength)
    );
}

#[test]
fn what_could_deceive_is_no_username() {
    for name in [
        "two words",
        "tab\there",
        "zero\u{200b}width",
        "right\u{202e}left",
        "abcא",
        "😀😀😀",
        "ﬁsh",
        "\u{7f}abc",
        "   ",
    ] {
        assert_eq!(
            name.parse::<Username>(),
            Err(NameError::Username),
            "{name:?}"
        );
    }
    assert_eq!("abc\0".parse::<Username>(), Err(NameError::Nul));
}

#[test]
fn addresses_that_mail_reaches_are_welcome() {
    for email in [
        "john@example.com",
        "john.doe+shop@mail.example.co.uk",
        "o'neil@example.com",
        "a@b.c",
        "x_1-y@xn--bcher-kva.example",
        "jürgen@bücher.example",
        "user@例え.jp",
        &format!("{}@example.com", "a".repeat(64)),
    ] {
        assert!(email.parse::<Email>().is_ok(), "{email}");
    }
}

#[test]
fn a_domain_is_the_same_in_its_own_script_and_in_ascii() {
    for (one, other) in [
        ("a@exämple.com", "a@xn--exmple-cua.com"),
        ("a@EXÄMPLE.com", "a@exa\u{308}mple.com"),
        ("a@exämple.com", "a@XN--Exmple-CUA.COM"),
        ("a@例え.jp", "a@xn--r8jz45g.jp"),
        ("a@ｅｘａｍｐｌｅ．com", "a@example.com"),
    ] {
        let (one, other): (Email, Email) = (text(one), text(other));
        assert_eq!(one.normalised(), other.normalised());
        assert!(one.normalised().is_ascii(), "{}", one.normalised());
    }
    let (one, other): (Email, Email) = (text("a@straße.de"), text("a@strasse.de"));
    assert_ne!(
        one.normalised(),
        other.normalised(),
        "these are two domains"
    );
}

#[test]
fn a_domain_that_dns_cannot_hold_is_refused() {
    for domain in [
        "xn--a.com".to_owned(),
        "xn--exämple.com".to_owned(),
        format!("{}.com", "ä".repeat(60)),
        format!("{}com", "äöü.".repeat(40)),
    ] {
        let email = format!("a@{domain}");
        assert_eq!(email.parse::<Email>(), Err(NameError::Email), "{email}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for email in [
        "",
        "john",
        "@example.com",
        "john@",
        "john@example",
        "john@@example.com",
        "john@exa@mple.com",
        "john doe@example.com",
        ".john@example.com",
        "john.@example.com",
        "jo..hn@example.com",
        "john@.example.com",
        "john@example.com.",
        "john@exa..mple.com",
        "john@-example.com",
        "john@example-.com",
        "john@exa_mple.com",
        "john@[127.0.0.1]",
        "\"john\"@example.com",
        "John <john@example.com>",
        "john@example.com\r\nBcc: all@example.com",
        "john,jane@example.com",
        "jo＠hn@example.com",
        &format!("{}@example.com", "a".repeat(65)),
        &format!("john@{}.com", "a".repeat(64)),
    ] {
        assert_eq!(email.parse::<Email>(), Err(NameError::Email), "{email:?}");
    }
    assert_eq!("john@example.com\0".parse::<Email>(), Err(NameError::Nul));
}

#[test]
fn an_address_is_at_most_254_characters_long() {
    let label = "d".repeat(60);
    let domain = format!("{label}.{label}.{label}.{label}.com");
    let longest = format!("{}@{domain}", "a".repeat(254 - 1 - domain.len()));
    assert!(longest.parse::<Email>().is_ok());
    assert_eq!(
        format!("a{longest}").parse::<Email>(),
        Err(NameError::EmailLength)
    );
}

#[test]
fn json_goes_through_the_same_door() {
    assert!(serde_json::from_str::<Username>(r#""alice""#).is_ok());
    let error = serde_json::from_str::<Username>(r#""al""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("must be 3 to 64 characters long")
    );
    let error = serde_json::from_str::<Email>(r#""alice""#).unwrap_err();
    assert!(error.to_string().starts_with("must be an e-mail address"));
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own_normal_form(name in "\\PC{3,12}|[\\p{L}\\p{M}\\p{Nd}]{3,6}") {
        if let Ok(name) = name.parse::<Username>() {
            let normal = name.normalised();
            // Normalising may shorten a name; lengthened by digits it is within bounds again.
            let again: Username = format!("{normal}000").parse().unwrap();
            prop_assert_eq!(again.normalised(), format!("{normal}000"));
        }
    }

    #[test]
    fn a_domains_ascii_form_is_its_own(domain in "\\PC{1,8}|[\\p{L}\\p{M}\\p{Nd}]{1,6}|xn--[a-z0-9]{1,8}") {
        if let Ok(email) = format!("a@{domain}.com").parse::<Email>() {
            let normal = email.normalised();
            prop_assert!(normal.is_ascii());
            let again: Result<Email, _> = normal.parse();
            prop_assert_eq!(again.map(|again| again.normalised()), Ok(normal));
        }
    }

    #[test]
    fn no_text_makes_a_name_panic(text in any::<String>()) {
        if let Ok(name) = text.parse::<Username>() {
            prop_assert!(!name.normalised().is_empty());
        }
        if let Ok(email) = format!("{text}@example.com").parse::<Email>() {
            prop_assert!(email.normalised().ends_with("@example.com"));
        }
    }
}
