//! A product of the catalogue: what it is, what it costs, whether it is offered.

use serde::{Deserialize, Serialize};

use crate::id::ProductId;
use crate::money::Price;
use crate::text::{Description, ProductName};
use crate::{Aggregate, aggregate};

/// What may be wished for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Put it into the catalogue.
    Create {
        /// What it is called.
        name: ProductName,
        /// What it is like.
        description: Description,
        /// What one costs.
        price: Price,
        /// Whether it may be ordered.
        offered: bool,
    },
    /// Describe it anew, as a whole.
    Change {
        /// What it is called.
        name: ProductName,
        /// What it is like.
        description: Description,
        /// What one costs.
        price: Price,
        /// Whether it may be ordered.
        offered: bool,
    },
    /// Take it out of the catalogue, for good.
    Delete,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It came into the catalogue.
    Created {
        /// What it is called.
        name: ProductName,
        /// What it is like.
        description: Description,
        /// What one costs.
        price: Price,
        /// Whether it may be ordered.
        offered: bool,
    },
    /// It was described anew.
    Changed {
        /// What it is called.
        name: ProductName,
        /// What it is like.
        description: Description,
        /// What one costs.
        price: Price,
        /// Whether it may be ordered.
        offered: bool,
    },
    /// It left the catalogue.
    Deleted {},
}

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none, or none any more.
    #[error("there is no such product")]
    NotFound,
    /// It was created before.
    #[error("this product exists already")]
    AlreadyExists,
    /// It is in the catalogue but may not be ordered.
    #[error("this product is not offered at present")]
    NotOffered,
}

/// A product.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Product {
    /// Not created yet.
    #[default]
    New,
    /// In the catalogue.
    Listed {
        /// What it is called.
        name: ProductName,
        /// What it is like.
        description: Description,
        /// What one costs.
        price: Price,
        /// Whether it may be ordered.
        offered: bool,
    },
    /// Out of the catalogue, for good.
    Deleted,
}

impl Product {
    /// What one costs who orders it now.
    pub fn price_for_order(&self) -> Result<Price, Error> {
        match self {
            Product::New | Product::Deleted => Err(Error::NotFound),
            Product::Listed { offered: false, .. } => Err(Error::NotOffered),
            Product::Listed {
                offered: true,
                price,
                ..
            } => Ok(*price),
        }
    }
}

impl Aggregate for Product {
    const TYPE: &'static str = "product";
    type Id = ProductId;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match (self, command) {
            (
                Product::New,
                Command::Create {
                    name,
                    description,
                    price,
                    offered,
                },
            ) => Ok(vec![Event::Created {
                name,
                description,
                price,
                offered,
            }]),
            (Product::Listed { .. } | Product::Deleted, Command::Create { .. }) => {
                Err(Error::AlreadyExists)
            }
            (Product::New | Product::Deleted, Command::Change { .. } | Command::Delete) => {
                Err(Error::NotFound)
            }
            (
                listed @ Product::Listed { .. },
                Command::Change {
                    name,
                    description,
                    price,
                    offered,
                },
            ) => {
                let changed = Event::Changed {
                    name,
                    description,
                    price,
                    offered,
                };
                let mut after = listed.clone();
                after.evolve(&changed);
                // Nothing is changed by saying what is so.
                Ok(if after == *listed {
                    vec![]
                } else {
                    vec![changed]
                })
            }
            (Product::Listed { .. }, Command::Delete) => Ok(vec![Event::Deleted {}]),
        }
    }

    fn evolve(&mut self, event: &Event) {
        *self = match event.clone() {
            Event::Created {
                name,
                description,
                price,
                offered,
            }
            | Event::Changed {
                name,
                description,
                price,
                offered,
            } => Product::Listed {
                name,
                description,
                price,
                offered,
            },
            Event::Deleted {} => Product::Deleted,
        };
    }
}

impl aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Created { .. } => "created",
            Event::Changed { .. } => "changed",
            Event::Deleted {} => "deleted",
        }
    }

    fn version(&self) -> &'static str {
        match self {
            Event::Created { .. } | Event::Changed { .. } | Event::Deleted {} => "1",
        }
    }
}

#[cfg(test)]
mod tests;
