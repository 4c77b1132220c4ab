use super::{Address, Description, Notes, ProductName, Reason, TextError};

#[test]
fn lengths_count_characters_and_not_bytes() {
    assert!(ProductName::try_from("é".repeat(200)).is_ok());
    assert_eq!(
        ProductName::try_from("é".repeat(201)),
        Err(TextError::Length { min: 1, max: 200 })
    );
    assert!(Address::try_from("路".repeat(500)).is_ok());
    assert_eq!(
        Address::try_from("路".repeat(501)),
        Err(TextError::Length { min: 1, max: 500 })
    );
    assert!(Description::try_from("x".repeat(5000)).is_ok());
    assert_eq!(
        Description::try_from("x".repeat(5001)),
        Err(TextError::Length { min: 0, max: 5000 })
    );
    assert!(Notes::try_from("x".repeat(1000)).is_ok());
    assert_eq!(
        Notes::try_from("x".repeat(1001)),
        Err(TextError::Length { min: 0, max: 1000 })
    );
    assert!(Reason::try_from("x".repeat(500)).is_ok());
    assert_eq!(
        Reason::try_from("x".repeat(501)),
        Err(TextError::Length { min: 0, max: 500 })
    );
}

#[test]
fn what_must_be_said_must_not_be_blank() {
    assert_eq!(
        "".parse::<ProductName>(),
        Err(TextError::Length { min: 1, max: 200 })
    );
    assert_eq!(" \t\u{3000}".parse::<ProductName>(), Err(TextError::Blank));
    assert_eq!(
        "".parse::<Address>(),
        Err(TextError::Length { min: 1, max: 500 })
    );
    assert_eq!("\n".parse::<Address>(), Err(TextError::Blank));
}

#[test]
fn what_may_be_left_out_may_be_empty_or_blank() {
    for text in ["", " "] {
        assert_eq!(text.parse::<Description>().unwrap().as_str(), text);
        assert_eq!(text.parse::<Notes>().unwrap().as_str(), text);
        assert_eq!(text.parse::<Reason>().unwrap().as_str(), text);
    }
}

#[test]
fn nothing_is_trimmed() {
    assert_eq!(" a ".parse::<ProductName>().unwrap().to_string(), " a ");
}

#[test]
fn no_text_holds_the_character_zero() {
    assert_eq!("a\0".parse::<ProductName>(), Err(TextError::Nul));
    assert_eq!("a\0".parse::<Description>(), Err(TextError::Nul));
    assert_eq!("a\0".parse::<Address>(), Err(TextError::Nul));
    assert_eq!("\0".parse::<Notes>(), Err(TextError::Nul));
    assert_eq!("\0".parse::<Reason>(), Err(TextError::Nul));
}

#[test]
fn json_goes_through_the_same_door() {
    let name: ProductName = serde_json::from_str(r#""Lamp""#).unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), r#""Lamp""#);
    let error = serde_json::from_str::<ProductName>(r#""""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("must be 1 to 200 characters long")
    );
    let error = serde_json::from_str::<ProductName>(r#""a\u0000""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("must not contain the character U+0000")
    );
}
