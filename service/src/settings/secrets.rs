use std::{collections::HashSet, fmt, str::FromStr};

use url::Url;

const REDACTED: &str = "[redacted]";
/// Stands for a password inside an address, which would percent-encode the brackets.
const MARK: &str = "REDACTED-PASSWORD";

/// Every password and key that a file of this repository shows; a test reads the files and compares.
pub(super) const SHOWN: &[&str] = &[
    "app-password",
    "replace-this-with-48-random-bytes-in-base64-before-prod",
    "securepassword123",
    "wasam_password",
];

/// A secret that no log line, error or debug text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Why it is not good enough to protect real customers, if so.
    #[must_use]
    pub fn weakness(&self) -> Option<&'static str> {
        let different: HashSet<u8> = self.0.bytes().collect();
        if SHOWN.contains(&self.0.trim()) {
            Some("is a value that this repository shows; make one with `openssl rand -base64 48`")
        } else if self.0.len() < 32 {
            Some("is shorter than 32 bytes; make one with `openssl rand -base64 48`")
        } else if different.len() < 8 {
            Some("has fewer than 8 different bytes; make one with `openssl rand -base64 48`")
        } else {
            None
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Where a Postgres database is; its password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

impl DatabaseUrl {
    /// The address with its password, for the one place that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The same server and login, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(name);
        Self(url)
    }

    /// The name of the database, if the address has one.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        Some(self.0.path().trim_start_matches('/')).filter(|name| !name.is_empty())
    }

    pub(super) fn has_known_password(&self) -> bool {
        is_known(&self.0)
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, &["postgres", "postgresql"]).map(Self)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

/// Where the mail server is; its password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl(Url);

impl SmtpUrl {
    /// The address with its password, for the mailer.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    pub(super) fn has_known_password(&self) -> bool {
        is_known(&self.0)
    }
}

impl FromStr for SmtpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = parse(text, &["smtp", "smtps"])?;
        if url.has_host() {
            Ok(Self(url))
        } else {
            Err("names no host".to_owned())
        }
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

fn parse(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let wanted = || {
        format!(
            "must be an address that begins with {}://",
            schemes.join(":// or ")
        )
    };
    let url = Url::parse(text).map_err(|error| format!("{}: {error}", wanted()))?;
    // Without the slashes the url crate sees no password, and it would be shown.
    if schemes.contains(&url.scheme()) && !url.cannot_be_a_base() {
        Ok(url)
    } else {
        Err(wanted())
    }
}

fn is_known(url: &Url) -> bool {
    let in_query = url
        .query_pairs()
        .filter(|(name, _)| is_password(name))
        .any(|(_, value)| SHOWN.contains(&&*value));
    in_query
        || url
            .password()
            .is_some_and(|password| SHOWN.contains(&password))
}

fn is_password(name: &str) -> bool {
    name.to_ascii_lowercase().contains("password")
}

fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Refused only for addresses that can't hold a password, and this one holds one.
        let _held = url.set_password(Some(MARK));
    }
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if is_password(&name) {
                MARK.into()
            } else {
                value
            };
            (name.into_owned(), value.into_owned())
        })
        .collect();
    if pairs.iter().any(|(name, _)| is_password(name)) {
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string().replace(MARK, REDACTED)
}
