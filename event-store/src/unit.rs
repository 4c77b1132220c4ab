//! One decision over any number of aggregates.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use domain::Aggregate;

use crate::cache::{Cache, Entry};
use crate::stored::{NewEvent, StreamKey};

/// Why a decision stopped.
#[derive(Debug)]
pub enum Halt<R> {
    /// An aggregate is not in memory yet: it is loaded, and the decision starts over.
    NotLoaded(Missing),
    /// The business refuses.
    Refused(R),
}

/// An aggregate to be loaded, and how.
#[derive(Debug)]
pub struct Missing {
    pub(crate) key: StreamKey,
    pub(crate) fold: fn(&mut crate::load::Stream<'_>) -> Result<Entry, crate::stored::Unreadable>,
}

/// What a decision sees and says: aggregates as they are, commands to them, all or nothing.
pub struct Unit<'a, R> {
    cache: &'a Cache,
    loaded: &'a HashMap<StreamKey, Entry>,
    touched: Vec<Touched>,
    refusal: std::marker::PhantomData<fn() -> R>,
}

pub(crate) struct Touched {
    pub key: StreamKey,
    pub entry: Entry,
    pub events: Vec<NewEvent>,
}

impl<'a, R> Unit<'a, R> {
    pub(crate) fn new(cache: &'a Cache, loaded: &'a HashMap<StreamKey, Entry>) -> Self {
        Self {
            cache,
            loaded,
            touched: Vec::with_capacity(4),
            refusal: std::marker::PhantomData,
        }
    }

    pub(crate) fn into_touched(self) -> Vec<Touched> {
        self.touched
    }

    /// The aggregate as it is now; its `Default` where nothing has happened yet.
    pub fn get<A: Aggregate>(&mut self, id: A::Id) -> Result<Arc<A>, Halt<R>> {
        let at = self.touch::<A>(id)?;
        Ok(self.state(at))
    }

    /// The sequence of the aggregate's last event, those decided in this unit included; 0 where nothing has happened.
    pub fn version<A: Aggregate>(&mut self, id: A::Id) -> Result<i64, Halt<R>> {
        let at = self.touch::<A>(id)?;
        Ok(self.touched[at].entry.sequence)
    }

    /// The position of the aggregate's first event; `None` where that has not committed yet.
    pub fn first_position<A: Aggregate>(&mut self, id: A::Id) -> Result<Option<i64>, Halt<R>> {
        let at = self.touch::<A>(id)?;
        Ok(self.touched[at].entry.first)
    }

    /// Tells an aggregate a command; what it decides is appended with all else that this unit decides. Returns the
    /// aggregate as it is then.
    pub fn decide<A: Aggregate>(
        &mut self,
        id: A::Id,
        command: A::Command,
    ) -> Result<Arc<A>, Halt<R>>
    where
        R: From<A::Error>,
    {
        let at = self.touch::<A>(id)?;
        self.apply(at, command)
    }

    /// As [`Unit::decide`] for an id that was made just now: nobody can have written that stream, so it is not looked up.
    pub fn create<A: Aggregate>(
        &mut self,
        id: A::Id,
        command: A::Command,
    ) -> Result<Arc<A>, Halt<R>>
    where
        R: From<A::Error>,
    {
        let key = key::<A>(id);
        self.touched.push(Touched {
            key,
            entry: Entry::new(A::default(), 0, None),
            events: Vec::new(),
        });
        self.apply(self.touched.len() - 1, command)
    }

    /// Stops the decision: nothing is appended.
    pub fn refuse<T>(&self, refusal: impl Into<R>) -> Result<T, Halt<R>> {
        Err(Halt::Refused(refusal.into()))
    }

    fn apply<A: Aggregate>(&mut self, at: usize, command: A::Command) -> Result<Arc<A>, Halt<R>>
    where
        R: From<A::Error>,
    {
        let state: Arc<A> = self.state(at);
        let decided = state
            .decide(command)
            .map_err(|refused| Halt::Refused(refused.into()))?;
        if decided.is_empty() {
            return Ok(state);
        }
        let touched = &mut self.touched[at];
        let mut next = Arc::unwrap_or_clone(state);
        for event in &decided {
            next.evolve(event);
            touched.entry.sequence += 1;
            touched
                .events
                .push(NewEvent::of(event, touched.key, touched.entry.sequence));
        }
        let longest = touched.events.iter().map(|e| e.payload.len()).max();
        touched.entry.weight = touched.entry.weight.max(longest.unwrap_or(0) as u64 + 512);
        let next = Arc::new(next);
        touched.entry.state = Arc::clone(&next) as Arc<dyn Any + Send + Sync>;
        Ok(next)
    }

    fn state<A: Aggregate>(&self, at: usize) -> Arc<A> {
        Arc::clone(&self.touched[at].entry.state)
            .downcast()
            .expect("a key's type decides its state's type")
    }

    fn touch<A: Aggregate>(&mut self, id: A::Id) -> Result<usize, Halt<R>> {
        let key = key::<A>(id);
        if let Some(at) = self.touched.iter().position(|touched| touched.key == key) {
            return Ok(at);
        }
        let known = self.cache.get(&key).or_else(|| {
            self.loaded
                .get(&key)
                .filter(|entry| !entry.line.is_broken())
        });
        let Some(entry) = known else {
            return Err(Halt::NotLoaded(Missing {
                key,
                fold: crate::load::fold::<A>,
            }));
        };
        self.touched.push(Touched {
            key,
            entry: entry.clone(),
            events: Vec::new(),
        });
        Ok(self.touched.len() - 1)
    }
}

fn key<A: Aggregate>(id: A::Id) -> StreamKey {
    StreamKey {
        aggregate_type: A::TYPE,
        id: id.into(),
    }
}
