//! `mart config`: every setting, its value and where it came from.

use std::{fmt::Write, path::Path};

use service::{
    Settings,
    settings::{Origin, Origins},
};

use crate::databases::{self, DatabaseNames};

/// A line for every setting; secrets are redacted.
pub fn table(settings: &Settings, origins: &Origins) -> anyhow::Result<String> {
    let mut table = String::new();
    let folders = (
        databases::data_dir(settings)?,
        databases::audit_dir(settings)?,
    );
    for (name, value) in values(settings, &folders.0, &folders.1) {
        let origin = match name {
            "JWT_SECRET_KEY" if settings.jwt_secret_key.is_none() => Origin::Generated,
            _ => origins.get(name).copied().unwrap_or(Origin::Default),
        };
        // Writing to a string can't fail.
        let _written = writeln!(table, "{name:<26} {origin:<11} {value}");
    }
    Ok(table)
}

/// Names every field, so that a new setting can't be forgotten here.
fn values(settings: &Settings, data_dir: &Path, audit_dir: &Path) -> [(&'static str, String); 25] {
    let Settings {
        profile,
        data_dir: _,
        audit_dir: _,
        audit_sealing,
        bind,
        first_port,
        trusted_proxies,
        database_port,
        pg_bin,
        database_url,
        product_database_url,
        inventory_database_url,
        order_database_url,
        user_database_url,
        payment_database_url,
        notification_database_url,
        kafka_brokers,
        kafka_partitions,
        kafka_replication,
        smtp_url,
        mail_from,
        jwt_secret_key: _,
        jwt_expiry_time,
        gateway_success_rate,
        gateway_seed,
    } = settings;
    let profile = match profile {
        service::Profile::Dev => "dev",
        service::Profile::Prod => "prod",
    };
    let shown = |path: &Path| path.display().to_string();
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let database =
        |url: &Option<service::settings::DatabaseUrl>, name: &str| match (url, database_url) {
            (Some(url), _) => url.to_string(),
            (None, Some(server)) => server.with_database(name).to_string(),
            (None, None) => format!("embedded, {name}"),
        };
    let names = DatabaseNames::default();
    [
        ("MART_PROFILE", profile.to_owned()),
        ("MART_DATA_DIR", shown(data_dir)),
        ("MART_AUDIT_DIR", shown(audit_dir)),
        ("MART_AUDIT_SEALING", audit_sealing.to_string()),
        ("MART_BIND", bind.to_string()),
        ("MART_FIRST_PORT", first_port.to_string()),
        (
            "MART_TRUSTED_PROXIES",
            or(trusted_proxies.as_ref().map(ToString::to_string), "none"),
        ),
        ("MART_DATABASE_PORT", database_port.to_string()),
        (
            "MART_PG_BIN",
            or(pg_bin.as_deref().map(shown), "found, else downloaded"),
        ),
        ("DATABASE_URL", database(database_url, names.event_store)),
        (
            "PRODUCT_DATABASE_URL",
            database(product_database_url, names.product),
        ),
        (
            "INVENTORY_DATABASE_URL",
            database(inventory_database_url, names.inventory),
        ),
        (
            "ORDER_DATABASE_URL",
            database(order_database_url, names.order),
        ),
        ("USER_DATABASE_URL", database(user_database_url, names.user)),
        (
            "PAYMENT_DATABASE_URL",
            database(payment_database_url, names.payment),
        ),
        (
            "NOTIFICATION_DATABASE_URL",
            database(notification_database_url, names.notification),
        ),
        ("KAFKA_BROKERS", or(kafka_brokers.clone(), "none")),
        ("KAFKA_PARTITIONS", kafka_partitions.to_string()),
        (
            "KAFKA_REPLICATION",
            or(
                kafka_replication.map(|copies| copies.to_string()),
                "what the broker says",
            ),
        ),
        (
            "SMTP_URL",
            or(
                smtp_url.as_ref().map(ToString::to_string),
                "none: mails are kept and shown",
            ),
        ),
        ("MAIL_FROM", mail_from.clone()),
        ("JWT_SECRET_KEY", "[redacted]".to_owned()),
        ("JWT_EXPIRY_TIME", jwt_expiry_time.to_string()),
        ("GATEWAY_SUCCESS_RATE", gateway_success_rate.to_string()),
        ("GATEWAY_SEED", gateway_seed.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_every_setting_and_shows_no_secret() {
        let flags = [
            "--jwt-secret-key=hunter2",
            "--database-url=postgres://wasam:hunter2@db:5433/log",
        ];
        let settings = Settings::from_flags(flags).unwrap();
        let origins = Origins::from([("DATABASE_URL".to_owned(), Origin::Flag)]);
        let table = table(&settings, &origins).unwrap();
        assert!(!table.contains("hunter2"), "{table}");
        let words = |name: &str| -> Vec<String> {
            let line = table
                .lines()
                .find(|line| line.split(' ').next() == Some(name))
                .unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(
            words("MART_FIRST_PORT"),
            ["MART_FIRST_PORT", "default", "8000"]
        );
        assert_eq!(
            words("DATABASE_URL"),
            [
                "DATABASE_URL",
                "flag",
                "postgres://wasam:[redacted]@db:5433/log"
            ]
        );
        let beside = "postgres://wasam:[redacted]@db:5433/wasam_database_order";
        assert_eq!(
            words("ORDER_DATABASE_URL"),
            ["ORDER_DATABASE_URL", "default", beside]
        );
        assert_eq!(
            words("JWT_SECRET_KEY"),
            ["JWT_SECRET_KEY", "default", "[redacted]"]
        );
    }

    #[test]
    fn a_key_that_nobody_gave_is_shown_as_generated() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::from_flags([format!("--data-dir={}", folder.path().display())]);
        let table = table(&settings.unwrap(), &Origins::new());
        assert!(table.unwrap().contains("generated   [redacted]"));
    }
}
