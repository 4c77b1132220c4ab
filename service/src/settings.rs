//! Every setting of the shop, in one struct: a flag, an environment variable or a line in `.env`.

mod addresses;
mod load;
mod secrets;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, ValueEnum};

use addresses::brokers;
pub use load::{EX_CONFIG, LoadError, Loaded, Origin, Origins, SettingError, process_environment};

use crate::proxies::TrustedProxies;

pub use secrets::{DatabaseUrl, Secret, SmtpUrl};

/// How strict the shop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Products and stock are written without a login; secrets are made up where none are given.
    Dev,
    /// Products and stock need an admin; secrets must be given and strong.
    Prod,
}

/// What an operator may set. `--help` shows the same list.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// `prod` closes what `dev` leaves open, and refuses default or weak secrets
    #[arg(long, env = "MART_PROFILE", default_value = "dev", value_enum)]
    pub profile: Profile,

    /// Folder of the embedded Postgres and of generated secrets [default: ./data]
    #[arg(long, env = "MART_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// Folder of the audit trail's signed checkpoints and of the key that signs them [default: `audit` in the data folder]
    #[arg(long, env = "MART_AUDIT_DIR", value_name = "FOLDER")]
    pub audit_dir: Option<PathBuf>,

    /// Whether the process that writes seals what it wrote: the proof that nobody changes the log
    #[arg(long, env = "MART_AUDIT_SEALING", value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set)]
    pub audit_sealing: bool,

    /// Address to listen on
    #[arg(long, env = "MART_BIND", value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,

    /// Port of the product service; the other six follow. 0: seven free ports, printed
    #[arg(long, env = "MART_FIRST_PORT", value_name = "PORT", default_value = "8000", value_parser = first_port)]
    pub first_port: u16,

    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses, or networks such as `10.0.0.0/8` [default: none]
    #[arg(long, env = "MART_TRUSTED_PROXIES", value_name = "ADDRESS,…")]
    pub trusted_proxies: Option<TrustedProxies>,

    /// Port of the embedded Postgres; when taken, the next free one
    #[arg(long, env = "MART_DATABASE_PORT", value_name = "PORT", default_value = "5433", value_parser = clap::value_parser!(u16).range(1..))]
    pub database_port: u16,

    /// Folder of Postgres' server programs, 14 or newer [default: found, else downloaded]
    #[arg(long, env = "MART_PG_BIN", value_name = "FOLDER", value_parser = pg_bin)]
    pub pg_bin: Option<PathBuf>,

    /// Postgres of the event store [default: the embedded one]
    #[arg(long, env = "DATABASE_URL", value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,

    /// Read models of the product service [default: same server, `wasam_database_product`]
    #[arg(long, env = "PRODUCT_DATABASE_URL", value_name = "URL")]
    pub product_database_url: Option<DatabaseUrl>,

    /// Read models of the inventory service [default: same server, `wasam_database_inventory`]
    #[arg(long, env = "INVENTORY_DATABASE_URL", value_name = "URL")]
    pub inventory_database_url: Option<DatabaseUrl>,

    /// Read models of the order service [default: same server, `wasam_database_order`]
    #[arg(long, env = "ORDER_DATABASE_URL", value_name = "URL")]
    pub order_database_url: Option<DatabaseUrl>,

    /// Read models of the user service [default: same server, `wasam_database_user`]
    #[arg(long, env = "USER_DATABASE_URL", value_name = "URL")]
    pub user_database_url: Option<DatabaseUrl>,

    /// Read models of the payment service [default: same server, `wasam_database_payment`]
    #[arg(long, env = "PAYMENT_DATABASE_URL", value_name = "URL")]
    pub payment_database_url: Option<DatabaseUrl>,

    /// Mails of the notification service [default: same server, `wasam_database_notification`]
    #[arg(long, env = "NOTIFICATION_DATABASE_URL", value_name = "URL")]
    pub notification_database_url: Option<DatabaseUrl>,

    /// Bootstrap servers of Kafka; with them the log is mirrored there, and projectors follow the mirror
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", value_parser = brokers)]
    pub kafka_brokers: Option<String>,

    /// Partitions of each topic that the relay makes
    #[arg(long, env = "KAFKA_PARTITIONS", value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub kafka_partitions: i32,

    /// Copies of each topic that the relay makes [default: what the broker says]
    #[arg(long, env = "KAFKA_REPLICATION", value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=32_767))]
    pub kafka_replication: Option<i32>,

    /// Mail server, `smtp://` or `smtps://`. None: mails are kept and shown, not sent
    #[arg(long, env = "SMTP_URL", value_name = "URL")]
    pub smtp_url: Option<SmtpUrl>,

    /// Sender of the mails
    #[arg(long, env = "MAIL_FROM", value_name = "MAILBOX", default_value = "Online Mart <no-reply@localhost>", value_parser = mailbox)]
    pub mail_from: String,

    /// Key that signs access tokens [default: generated once into the data directory; `prod`: must be given]
    #[arg(long, env = "JWT_SECRET_KEY", value_name = "KEY")]
    pub jwt_secret_key: Option<Secret>,

    /// Minutes an access token lives
    #[arg(long, env = "JWT_EXPIRY_TIME", value_name = "MINUTES", default_value = "15", value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub jwt_expiry_time: u32,

    /// Share of payments that the simulated gateway accepts, 0 to 1
    #[arg(long, env = "GATEWAY_SUCCESS_RATE", value_name = "SHARE", default_value = "0.9", value_parser = share)]
    pub gateway_success_rate: f64,

    /// Seed of the simulated gateway's answers
    #[arg(long, env = "GATEWAY_SEED", value_name = "NUMBER", default_value = "0")]
    pub gateway_seed: u64,
}

impl Settings {
    /// What clap can't see in one value alone: secrets under `prod`.
    pub fn check(&self) -> Result<(), SettingError> {
        match self.profile {
            Profile::Dev => Ok(()),
            Profile::Prod => self.check_secrets(),
        }
    }

    fn check_secrets(&self) -> Result<(), SettingError> {
        let Some(key) = &self.jwt_secret_key else {
            return Err(SettingError::new(
                "JWT_SECRET_KEY",
                "must be given when MART_PROFILE is prod",
            ));
        };
        if let Some(weakness) = key.weakness() {
            return Err(SettingError::new("JWT_SECRET_KEY", weakness));
        }
        for (name, url) in self.database_urls() {
            if url.is_some_and(DatabaseUrl::has_known_password) {
                return Err(SettingError::new(
                    name,
                    "its password is one that this repository shows",
                ));
            }
        }
        if self
            .smtp_url
            .as_ref()
            .is_some_and(SmtpUrl::has_known_password)
        {
            return Err(SettingError::new(
                "SMTP_URL",
                "its password is one that this repository shows",
            ));
        }
        Ok(())
    }

    /// The databases by the names of their settings, the event store's first.
    #[must_use]
    pub fn database_urls(&self) -> [(&'static str, Option<&DatabaseUrl>); 7] {
        [
            ("DATABASE_URL", self.database_url.as_ref()),
            ("PRODUCT_DATABASE_URL", self.product_database_url.as_ref()),
            (
                "INVENTORY_DATABASE_URL",
                self.inventory_database_url.as_ref(),
            ),
            ("ORDER_DATABASE_URL", self.order_database_url.as_ref()),
            ("USER_DATABASE_URL", self.user_database_url.as_ref()),
            ("PAYMENT_DATABASE_URL", self.payment_database_url.as_ref()),
            (
                "NOTIFICATION_DATABASE_URL",
                self.notification_database_url.as_ref(),
            ),
        ]
    }
}

fn first_port(text: &str) -> Result<u16, String> {
    const LAST: u16 = u16::MAX - 6;
    match u16::from_str(text) {
        Ok(port) if port <= LAST => Ok(port),
        _ => Err(format!(
            "must be a port from 0 to {LAST}, because six more follow it"
        )),
    }
}

fn pg_bin(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    match ["postgres", "initdb"]
        .iter()
        .find(|program| !folder.join(program).is_file())
    {
        Some(missing) => Err(format!("the folder has no program {missing}")),
        None => Ok(folder),
    }
}

fn mailbox(text: &str) -> Result<String, String> {
    let address = text
        .rsplit_once('<')
        .map_or(Some(text), |(_, rest)| rest.strip_suffix('>'));
    let sane = |(local, domain): (&str, &str)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !address.unwrap_or_default().contains(char::is_whitespace)
    };
    if !text.contains(char::is_control)
        && address
            .and_then(|address| address.rsplit_once('@'))
            .is_some_and(sane)
    {
        Ok(text.to_owned())
    } else {
        Err("must be a mailbox such as `Online Mart <no-reply@localhost>`".to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    match f64::from_str(text) {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}
