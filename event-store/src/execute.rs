//! Running a decision: load, decide, append, and again when another writer was faster.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::append::{Append, Appended, Failed, WrittenStream};
use crate::context::Context;
use crate::load::load;
use crate::stored::{NewEvent, StreamKey};
use crate::unit::{Halt, Touched, Unit};
use crate::{EventStore, cache::Entry};

/// Lost races after which a command is given up. Losing needs another process that writes the same aggregate in between.
const ATTEMPTS: u32 = 10;

/// What a command answers once its events are durable.
#[derive(Clone, Debug)]
pub struct Written<T> {
    /// What the decision returned.
    pub answer: T,
    /// A reader that has seen this position sees what this command did, or found done.
    pub position: i64,
    /// How far each published stream was moved; empty where nothing was appended.
    pub streams: Vec<WrittenStream>,
    firsts: Vec<(Uuid, i64)>,
}

impl<T> Written<T> {
    /// The position of a stream's first event, where this append created the stream.
    pub fn first_position_of(&self, id: impl Into<Uuid>) -> Option<i64> {
        let id = id.into();
        self.firsts
            .iter()
            .find(|(stream, _)| *stream == id)
            .map(|(_, position)| *position)
    }
}

/// Why a command wrote nothing, or nobody knows whether it did.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R> {
    /// The business refuses; nothing was written.
    #[error("refused")]
    Refused(R),
    /// Other writers were faster each time; nothing was written.
    #[error("too many writers at once")]
    Conflict,
    /// The database did not answer, or not in time: unknown, ask again later.
    #[error("the event store is unavailable")]
    Unavailable(#[source] anyhow::Error),
}

enum Step<T, R> {
    Load(crate::unit::Missing),
    Wait(Said<T, R>, oneshot::Receiver<Result<Appended, Failed>>),
    Done(Said<T, R>),
}

/// What a decision came to.
struct Said<T, R> {
    answer: Result<T, R>,
    /// Up to where the log shows all that it was loaded from, by whichever process that was written.
    seen: i64,
}

impl EventStore {
    /// Runs `work` on the aggregates as they are and appends what they decided, atomically, in a task of its own: whoever
    /// drops the returned future does not cut it short. `work` may run several times: an aggregate that is not in memory
    /// is loaded and the decision starts over, and so it does when another writer was faster. It returns only when
    /// everything that it rests on is durable, refusals and "said twice" included. Where `work` panics, so does this.
    pub async fn execute<T, R, F>(
        &self,
        context: Context,
        work: F,
    ) -> Result<Written<T>, ExecuteError<R>>
    where
        F: FnMut(&mut Unit<'_, R>) -> Result<T, Halt<R>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        let store = self.clone();
        tokio::spawn(async move { store.run(&context, work).await })
            .await
            .unwrap_or_else(|failed| match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(cancelled) => Err(ExecuteError::Unavailable(cancelled.into())),
            })
    }

    async fn run<T, R, F>(
        &self,
        context: &Context,
        mut work: F,
    ) -> Result<Written<T>, ExecuteError<R>>
    where
        F: FnMut(&mut Unit<'_, R>) -> Result<T, Halt<R>>,
    {
        let mut loaded = HashMap::new();
        let mut lost = 0;
        loop {
            let (said, appended) = match self.step(context, &loaded, &mut work)? {
                Step::Load(missing) => {
                    let drops = self.cache().drops();
                    let entry = load(&self.pool, &missing)
                        .await
                        .map_err(ExecuteError::Unavailable)?;
                    self.cache().put_loaded(missing.key, entry.clone(), drops);
                    loaded.insert(missing.key, entry);
                    continue;
                }
                Step::Done(said) => (said, Ok(Appended::nothing(self.appender.known()))),
                Step::Wait(said, answer) => match answer.await {
                    Ok(appended) => (said, appended),
                    Err(_) => {
                        return Err(ExecuteError::Unavailable(anyhow::anyhow!(
                            "the event store is shutting down"
                        )));
                    }
                },
            };
            match (said.answer, appended) {
                (Ok(answer), Ok(appended)) => {
                    return Ok(Written {
                        answer,
                        position: appended.last.max(said.seen),
                        streams: appended.streams,
                        firsts: appended.firsts,
                    });
                }
                (Err(refused), Ok(_)) => return Err(ExecuteError::Refused(refused)),
                (_, Err(Failed::Unavailable(error))) => {
                    return Err(ExecuteError::Unavailable(error));
                }
                (_, Err(Failed::Conflict)) if lost < ATTEMPTS => {
                    lost += 1;
                    loaded.clear();
                    metrics::counter!("mart_append_conflicts_total").increment(1);
                }
                (_, Err(Failed::Conflict)) => return Err(ExecuteError::Conflict),
            }
        }
    }

    /// One run of the decision, under the cache's lock; what it decided is queued before the lock is given back, so that
    /// the queue's order is the order of the decisions.
    fn step<T, R, F>(
        &self,
        context: &Context,
        loaded: &HashMap<StreamKey, Entry>,
        work: &mut F,
    ) -> Result<Step<T, R>, ExecuteError<R>>
    where
        F: FnMut(&mut Unit<'_, R>) -> Result<T, Halt<R>>,
    {
        let mut cache = self.cache();
        let mut unit = Unit::new(&cache, loaded);
        let answer = match work(&mut unit) {
            Ok(answer) => Ok(answer),
            Err(Halt::Refused(refusal)) => Err(refusal),
            Err(Halt::NotLoaded(missing)) => return Ok(Step::Load(missing)),
        };
        let touched = unit.into_touched();
        let seen = touched.iter().map(|t| t.entry.seen).max().unwrap_or(0);
        let said = Said { answer, seen };
        let decided = said.answer.is_ok() && touched.iter().any(|t| !t.events.is_empty());
        if !decided && !touched.iter().any(|t| t.entry.line.is_pending()) {
            return Ok(Step::Done(said));
        }
        let (reply, answer) = oneshot::channel();
        let append = Append {
            events: if decided {
                events(&touched)
            } else {
                Vec::new()
            },
            metadata: Arc::from(context.metadata()),
            lines: touched
                .iter()
                .map(|t| (t.key, Arc::clone(&t.entry.line)))
                .collect(),
            reply,
        };
        self.appender
            .queue(append)
            .map_err(ExecuteError::Unavailable)?;
        if decided {
            for t in touched {
                if !t.events.is_empty() {
                    cache.put(t.key, t.entry);
                }
            }
        }
        Ok(Step::Wait(said, answer))
    }
}

fn events(touched: &[Touched]) -> Vec<NewEvent> {
    touched
        .iter()
        .flat_map(|t| t.events.iter().cloned())
        .collect()
}
