use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A thing whose events alone say what it is: it decides on commands and evolves by events.
pub trait Aggregate:
    Clone + Default + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name under which its streams are stored.
    const TYPE: &'static str;
    /// What tells one from another.
    type Id: AggregateId;
    /// What may be wished for.
    type Command: Clone + Debug + Send + Sync + 'static;
    /// What may have happened.
    type Event: Event;
    /// Why a wish is refused.
    type Error: Error + Send + Sync + 'static;

    /// What follows from the wish. No event means: it is so already.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// Takes note of what has happened.
    fn evolve(&mut self, event: &Self::Event);
}

/// The id of an aggregate: a UUID that knows whose it is.
pub trait AggregateId:
    Copy + Ord + Hash + Debug + Display + From<Uuid> + Into<Uuid> + Send + Sync + 'static
{
}

/// A fact as it is stored.
pub trait Event:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its stored name, which is also its tag in JSON.
    fn name(&self) -> &'static str;

    /// The version of its stored shape.
    fn version(&self) -> &'static str;
}
