//! The mailer, as the settings want it.

use projectors::{Mailer, ReadDatabases, mailer::MailSettingsError};
use service::{Settings, settings::SettingError};

/// Whether the settings describe one.
pub(crate) fn check(settings: &Settings) -> Result<(), SettingError> {
    Mailer::check(smtp(settings), &settings.mail_from).map_err(setting)
}

/// One that sends what these databases have queued.
pub(crate) fn mailer(
    settings: &Settings,
    databases: &ReadDatabases,
) -> Result<Mailer, SettingError> {
    let pool = databases.notification.clone();
    Mailer::new(pool, smtp(settings), &settings.mail_from).map_err(setting)
}

fn smtp(settings: &Settings) -> Option<&str> {
    settings.smtp_url.as_ref().map(|url| url.expose().as_str())
}

fn setting(error: MailSettingsError) -> SettingError {
    match error {
        MailSettingsError::SmtpUrl(why) => {
            SettingError::new("SMTP_URL", format!("is no mail server's: {why}"))
        }
        MailSettingsError::From(why) => {
            SettingError::new("MAIL_FROM", format!("is no mailbox: {why}"))
        }
    }
}
