//! Our aggregates under cqrs-es: the thin adapter, and its `EventStore` on top of our append.
//!
//! cqrs-es' own snapshot stores apply events twice and are not used; its aggregates, framework, test DSL and upcasters are.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{AggregateContext, AggregateError, DomainEvent, EventEnvelope};
use domain::{Aggregate, Event};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::EventStore;
use crate::append::{Append, Failed};
use crate::stored::{NewEvent, Raw, StreamKey};

/// Any of our aggregates, as cqrs-es wants one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent, bound = "A: Aggregate")]
pub struct Adapted<A>(pub A);

/// Any of our events, as cqrs-es wants one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "E: Event")]
pub struct AdaptedEvent<E>(pub E);

impl<E: Event> DomainEvent for AdaptedEvent<E> {
    fn event_type(&self) -> String {
        self.0.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.version().to_owned()
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Adapted<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = A::Command;
    type Event = AdaptedEvent<A::Event>;
    type Error = A::Error;
    type Services = ();

    async fn handle(
        &mut self,
        command: A::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), A::Error> {
        for event in self.0.decide(command)? {
            sink.write(AdaptedEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.0.evolve(&event.0);
    }
}

type Row = (
    i64,
    String,
    String,
    sqlx::types::Json<Box<serde_json::value::RawValue>>,
    sqlx::types::Json<HashMap<String, String>>,
);

/// Our store behind cqrs-es' trait, one aggregate at a time.
#[derive(Clone)]
pub struct CqrsStore(pub EventStore);

/// An aggregate that cqrs-es has loaded, and how far.
pub struct Loaded<A> {
    id: String,
    aggregate: Adapted<A>,
    sequence: i64,
}

impl<A: Aggregate> AggregateContext<Adapted<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Adapted<A> {
        &mut self.aggregate
    }
}

impl<A: Aggregate> cqrs_es::EventStore<Adapted<A>> for CqrsStore {
    type AC = Loaded<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<Adapted<A>>>, AggregateError<A::Error>> {
        let rows: Vec<Row> = sqlx::query_as(
            "select sequence, event_type, event_version, payload, metadata from events
             where aggregate_type = $1 and aggregate_id = $2 order by sequence",
        )
        .bind(A::TYPE)
        .bind(aggregate_id)
        .fetch_all(&self.0.pool)
        .await
        .map_err(|e| AggregateError::DatabaseConnectionError(e.into()))?;
        rows.into_iter()
            .map(|(sequence, event_type, event_version, payload, metadata)| {
                let raw = Raw {
                    aggregate_type: A::TYPE,
                    aggregate_id,
                    sequence,
                    event_type: &event_type,
                    event_version: &event_version,
                    payload: &payload.0,
                };
                let event = raw
                    .decode()
                    .map_err(|e| AggregateError::DeserializationError(e.into()))?;
                Ok(EventEnvelope {
                    aggregate_id: aggregate_id.to_owned(),
                    sequence: usize::try_from(sequence).unwrap_or_default(),
                    payload: AdaptedEvent(event),
                    metadata: metadata.0,
                })
            })
            .collect()
    }

    async fn load_aggregate(
        &self,
        aggregate_id: &str,
    ) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let events = cqrs_es::EventStore::<Adapted<A>>::load_events(self, aggregate_id).await?;
        let mut loaded = Loaded {
            id: aggregate_id.to_owned(),
            aggregate: Adapted(A::default()),
            sequence: 0,
        };
        for event in events {
            loaded.sequence += 1;
            loaded.aggregate.0.evolve(&event.payload.0);
        }
        Ok(loaded)
    }

    async fn commit(
        &self,
        events: Vec<AdaptedEvent<A::Event>>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Adapted<A>>>, AggregateError<A::Error>> {
        let id: Uuid = context
            .id
            .parse()
            .map_err(|e: uuid::Error| AggregateError::UnexpectedError(e.into()))?;
        let stream = StreamKey {
            aggregate_type: A::TYPE,
            id,
        };
        let numbered: Vec<_> = events.into_iter().zip(context.sequence + 1..).collect();
        let new = numbered
            .iter()
            .map(|(event, sequence)| NewEvent::of(&event.0, stream, *sequence))
            .collect();
        let text = serde_json::to_string(&metadata)
            .map_err(|e| AggregateError::UnexpectedError(e.into()))?;
        let (reply, answer) = oneshot::channel();
        self.0
            .appender
            .queue(Append {
                events: new,
                metadata: Arc::from(text),
                lines: Vec::new(),
                reply,
            })
            .map_err(|e| AggregateError::UnexpectedError(e.into()))?;
        let appended = answer
            .await
            .map_err(|e| AggregateError::UnexpectedError(e.into()))?;
        match appended {
            Ok(_) => Ok(numbered
                .into_iter()
                .map(|(payload, sequence)| EventEnvelope {
                    aggregate_id: context.id.clone(),
                    sequence: usize::try_from(sequence).unwrap_or_default(),
                    payload,
                    metadata: metadata.clone(),
                })
                .collect()),
            Err(Failed::Conflict) => Err(AggregateError::AggregateConflict),
            Err(Failed::Unavailable(error)) => {
                Err(AggregateError::DatabaseConnectionError(error.into()))
            }
        }
    }
}
