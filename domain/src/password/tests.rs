use super::{PasswordError, PasswordHash, PlainPassword};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
const BCRYPT: &str = "$2b$12$abcdefghijklmnopqrstuuJ8h4uGq3d1Vn4Cw5o0eU2Zb1Hk9rL5O";

#[test]
fn a_password_is_8_to_128_characters_of_any_kind() {
    for password in [
        "12345678".to_owned(),
        "пароль №1".to_owned(),
        "        ".to_owned(),
        "😀".repeat(8),
        "é".repeat(128),
    ] {
        let kept: PlainPassword = password.parse().unwrap();
        assert_eq!(kept.expose(), password);
    }
    for password in [String::new(), "1234567".to_owned(), "é".repeat(129)] {
        assert_eq!(
            password.parse::<PlainPassword>(),
            Err(PasswordError::Length)
        );
    }
    assert_eq!(
        "1234567\08".parse::<PlainPassword>(),
        Err(PasswordError::Nul)
    );
}

#[test]
fn no_password_and_no_hash_is_printed() {
    let password: PlainPassword = "correct horse".parse().unwrap();
    assert_eq!(format!("{password:?}"), "PlainPassword([redacted])");
    let hash: PasswordHash = HASH.parse().unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash([redacted])");
}

#[test]
fn a_refused_password_is_not_quoted() {
    for json in ["12345678901", "-12345678901", "1234567890.5", "true"] {
        let error = serde_json::from_str::<PlainPassword>(json).unwrap_err();
        assert!(error.to_string().starts_with("must be a string"), "{error}");
    }
    let error = serde_json::from_str::<PlainPassword>(r#""secret""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("must be 8 to 128 characters long")
    );
    assert!(serde_json::from_str::<PlainPassword>("null").is_err());
    assert!(serde_json::from_str::<PlainPassword>(r#""long enough""#).is_ok());
}

#[test]
fn a_hash_is_kept_as_it_is() {
    for text in [HASH, BCRYPT] {
        let hash: PasswordHash = text.parse().unwrap();
        assert_eq!(hash.as_str(), text);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
    }
}

#[test]
fn a_password_is_never_taken_for_a_hash() {
    for text in [
        "",
        "12345678",
        "$",
        "$$$$",
        "$2b$12",
        "$argon2id$v=19$m=1 9$a",
        &format!("$a$b${}", "c".repeat(600)),
    ] {
        assert_eq!(text.parse::<PasswordHash>(), Err(PasswordError::NotAHash));
    }
}
