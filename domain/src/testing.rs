//! Given these events, when this is wished for, then that follows: the rules as sentences.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde_json::Value;

use crate::{Aggregate, Event};

/// What has happened so far.
pub struct Given<A>(A);

/// What followed.
pub struct When<A: Aggregate>(Result<Vec<A::Event>, A::Error>, PhantomData<A>);

pub fn given<A: Aggregate>(history: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut aggregate = A::default();
    for event in history {
        aggregate.evolve(&event);
    }
    Given(aggregate)
}

impl<A: Aggregate> Given<A> {
    pub fn when(self, command: A::Command) -> When<A> {
        When(self.0.decide(command), PhantomData)
    }

    /// What the events add up to.
    pub fn is(self) -> A {
        self.0
    }
}

impl<A: Aggregate<Error: PartialEq>> When<A> {
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    /// It is so already: saying it twice is no mistake.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    #[track_caller]
    pub fn then_err(self, error: A::Error) {
        assert_eq!(self.0, Err(error));
    }
}

/// The event is stored as this JSON, read from it again, and named by its tag.
#[track_caller]
pub fn stored_as<E: Event>(event: &E, json: &Value) {
    stored_as_version("1", event, json);
}

/// As [`stored_as`], for an event whose shape has changed.
#[track_caller]
pub fn stored_as_version<E: Event>(version: &str, event: &E, json: &Value) {
    assert_eq!(serde_json::to_value(event).unwrap(), *json);
    assert_eq!(serde_json::from_value::<E>(json.clone()).unwrap(), *event);
    let tags: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(tags, [event.name()]);
    assert_eq!(event.version(), version);
}

/// A value from text that is known to be good.
#[track_caller]
pub fn text<T: std::str::FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}
