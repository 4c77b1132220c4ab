//! What one process may do of the whole.

use clap::ValueEnum;

/// A part of the shop that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Takes commands.
    WriteApi,
    /// Answers queries, and the operator.
    ReadApi,
    /// Keeps the read models.
    Projectors,
    /// Mirrors the log to Kafka.
    Relay,
    /// Sends the mails.
    Mailer,
}

impl Role {
    /// Every role that a whole shop has; without a Kafka there is nothing to relay to.
    #[must_use]
    pub fn all(kafka: bool) -> Vec<Self> {
        let relay = kafka.then_some(Self::Relay);
        [
            Self::WriteApi,
            Self::ReadApi,
            Self::Projectors,
            Self::Mailer,
        ]
        .into_iter()
        .chain(relay)
        .collect()
    }

    /// Whether it answers customers, on all seven ports; the others open the operator's port alone.
    #[must_use]
    pub fn serves_customers(self) -> bool {
        match self {
            Self::WriteApi | Self::ReadApi => true,
            Self::Projectors | Self::Relay | Self::Mailer => false,
        }
    }

    /// Whether it works on the read models' databases.
    #[must_use]
    pub fn uses_read_models(self) -> bool {
        match self {
            Self::ReadApi | Self::Projectors | Self::Mailer => true,
            Self::WriteApi | Self::Relay => false,
        }
    }
}
