//! The six services of the shop and the operator's, each with a port of its own.

use std::{fmt, str::FromStr};

/// One service, which is one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// the catalogue
    Product,
    /// stock
    Inventory,
    /// orders, and login
    Order,
    /// accounts
    User,
    /// mails
    Notification,
    /// payments
    Payment,
    /// audit and projections
    Operator,
}

impl Service {
    /// All of them, in the order of their ports.
    pub const ALL: [Self; 7] = [
        Self::Product,
        Self::Inventory,
        Self::Order,
        Self::User,
        Self::Notification,
        Self::Payment,
        Self::Operator,
    ];

    /// As `GET /` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::User => "user",
            Self::Notification => "notification",
            Self::Payment => "payment",
            Self::Operator => "operator",
        }
    }

    /// Its port when the product service's is `first`; all are 0 (any free one) when that is 0.
    #[must_use]
    pub const fn port(self, first: u16) -> u16 {
        if first == 0 { 0 } else { first + self as u16 }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// There is no service of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no service {0}")]
pub struct UnknownService(String);

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|service| service.name() == name);
        found.ok_or_else(|| UnknownService(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Service;

    #[test]
    fn ports_follow_each_other_and_names_are_read_back() {
        for (index, service) in (0..).zip(Service::ALL) {
            assert_eq!(service.port(8000), 8000 + index);
            assert_eq!(service.port(0), 0);
            assert_eq!(service.name().parse(), Ok(service));
        }
        assert!("orders".parse::<Service>().is_err());
    }
}
