//! What is handed to the writer, and what it answers.

use std::sync::Arc;

use proto::Topic;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::cache::Line;
use crate::stored::{NewEvent, StreamKey};

/// Some events that commit together or not at all; without events: "tell me when what I saw has committed".
pub(crate) struct Append {
    pub events: Vec<NewEvent>,
    pub metadata: Arc<str>,
    /// What the decision rests on.
    pub lines: Vec<(StreamKey, Arc<Line>)>,
    pub reply: oneshot::Sender<Result<Appended, Failed>>,
}

/// Where an append went.
#[derive(Debug)]
pub(crate) struct Appended {
    pub last: i64,
    /// Position of the first event of each stream that began with it.
    pub firsts: Vec<(Uuid, i64)>,
    pub streams: Vec<WrittenStream>,
}

/// How far an append has moved one stream, as its readers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenStream {
    /// The context's topic.
    pub topic: Topic,
    /// The aggregate's id: the key of the stream's records.
    pub key: Uuid,
    /// Position of the stream's last published event in this append.
    pub position: i64,
}

impl Appended {
    pub(crate) fn nothing(known: i64) -> Self {
        Self {
            last: known,
            firsts: Vec::new(),
            streams: Vec::new(),
        }
    }
}

/// Why it went nowhere, or nobody knows whether it did.
#[derive(Debug)]
pub(crate) enum Failed {
    Conflict,
    Unavailable(anyhow::Error),
}
