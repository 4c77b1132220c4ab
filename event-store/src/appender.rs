//! Group commit: appends queue up while one batch commits; then they are the next batch. No timer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow};
use proto::Topic;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::append::{Append, Appended, Failed, WrittenStream};
use crate::cache::{self, Cache};
use crate::crier;
use crate::feed::Feed;
use crate::publish::topic;
use crate::statement::{Connection, Outcome, Place, is_final};
use crate::stored::NewEvent;

/// Appends in one batch at most: of orders, some hundred kilobytes.
const LARGEST_BATCH: usize = 512;
/// Appends that may wait; more are refused at once, which is kinder than a time-out.
const LONGEST_QUEUE: usize = 20_000;

enum Job {
    Append(Append),
    CatchUp(oneshot::Sender<Result<()>>),
    /// The log has been seen to reach so far.
    Seen(i64),
}

/// The way to the one task that writes.
#[derive(Clone)]
pub(crate) struct Appender {
    jobs: mpsc::Sender<Job>,
    known: Arc<AtomicI64>,
}

impl Appender {
    /// Starts the task; it ends when the last sender is gone and the queue is empty.
    pub(crate) async fn start(
        pool: PgPool,
        cache: Arc<Mutex<Cache>>,
        feed: Arc<Feed>,
    ) -> Result<Self> {
        let mut connection = Connection::new(pool.clone());
        let known = Arc::new(AtomicI64::new(connection.head().await?));
        let (jobs, queue) = mpsc::channel(LONGEST_QUEUE);
        let own = feed.mark().to_owned();
        let writer = Writer {
            connection,
            cache,
            known: Arc::clone(&known),
            feed,
            bell: watch::Sender::new(0),
        };
        tokio::spawn(crier::cry(pool, writer.bell.subscribe(), own));
        tokio::spawn(writer.run(queue));
        Ok(Self { jobs, known })
    }

    /// Queues an append; call it while holding the cache's lock, so that the queue has the order of the decisions.
    pub(crate) fn queue(&self, append: Append) -> Result<()> {
        for (_, line) in &append.lines {
            line.begin();
        }
        self.jobs.try_send(Job::Append(append)).map_err(|refused| {
            let full = matches!(refused, mpsc::error::TrySendError::Full(_));
            if let Job::Append(append) = refused.into_inner() {
                append.lines.iter().for_each(|(_, line)| line.settle());
            }
            anyhow!(if full {
                "too many appends are waiting"
            } else {
                "the event store is shutting down"
            })
        })
    }

    /// Reads the log's head and forgets every cached aggregate that another process has written since.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send(Job::CatchUp(reply))
            .await
            .map_err(|_| anyhow!("the event store is shutting down"))?;
        answer.await?
    }

    /// Catches up whenever the log is seen to have grown by another process, for as long as it is followed here.
    pub(crate) fn follow(&self, mut head: watch::Receiver<i64>) {
        let (jobs, known) = (self.jobs.downgrade(), Arc::clone(&self.known));
        tokio::spawn(async move {
            while head.changed().await.is_ok() {
                let position = *head.borrow_and_update();
                if position <= known.load(Ordering::Acquire) {
                    continue;
                }
                match jobs
                    .upgrade()
                    .map(|jobs| jobs.try_send(Job::Seen(position)))
                {
                    // Full: the appends in the queue tell the same.
                    Some(Ok(()) | Err(mpsc::error::TrySendError::Full(_))) => {}
                    Some(Err(mpsc::error::TrySendError::Closed(_))) | None => return,
                }
            }
        });
    }

    /// The last position that this process knows to be committed.
    pub(crate) fn known(&self) -> i64 {
        self.known.load(Ordering::Acquire)
    }
}

struct Writer {
    connection: Connection,
    cache: Arc<Mutex<Cache>>,
    known: Arc<AtomicI64>,
    /// Where this process follows the log.
    feed: Arc<Feed>,
    /// Where other processes do.
    bell: watch::Sender<i64>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(LARGEST_BATCH);
        while queue.recv_many(&mut jobs, LARGEST_BATCH).await > 0 {
            let mut batch = Vec::with_capacity(jobs.len());
            let (mut waiting, mut seen) = (Vec::new(), 0);
            for job in jobs.drain(..) {
                match job {
                    Job::Append(append) => batch.push(append),
                    Job::CatchUp(reply) => waiting.push(reply),
                    Job::Seen(position) => seen = position.max(seen),
                }
            }
            self.write(batch).await;
            if !waiting.is_empty() || seen > self.known.load(Ordering::Acquire) {
                let caught_up = self.catch_up().await;
                for reply in waiting {
                    let _ = reply.send(match &caught_up {
                        Ok(()) => Ok(()),
                        Err(error) => Err(anyhow!("{error:#}")),
                    });
                }
            }
        }
    }

    /// Commits a batch; if that fails, each append alone, so that one conflict never fails its neighbours.
    async fn write(&mut self, batch: Vec<Append>) {
        let (batch, broken): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|a| !rests_on_broken(a));
        for append in broken {
            self.fail(append, Failed::Conflict);
        }
        if batch.is_empty() {
            return;
        }
        match self.commit(&batch).await {
            Ok(Outcome::Committed(place)) => self.succeed(batch, place),
            Ok(Outcome::Conflict) if batch.len() > 1 => {
                for append in batch {
                    self.write_alone(append).await;
                }
            }
            Ok(Outcome::Conflict) => self.fail_all(batch, || Failed::Conflict),
            Err(error) if batch.len() > 1 && !is_connection_trouble(&error) => {
                tracing::warn!(%error, "a batch of appends was refused; trying each alone");
                for append in batch {
                    self.write_alone(append).await;
                }
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an append failed");
                self.fail_all(batch, || Failed::Unavailable(anyhow!("{error:#}")));
            }
        }
    }

    async fn write_alone(&mut self, append: Append) {
        if rests_on_broken(&append) {
            return self.fail(append, Failed::Conflict);
        }
        match self.commit(std::slice::from_ref(&append)).await {
            Ok(Outcome::Committed(place)) => self.succeed(vec![append], place),
            Ok(Outcome::Conflict) => self.fail(append, Failed::Conflict),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an append failed");
                self.fail(append, Failed::Unavailable(error));
            }
        }
    }

    /// Writes the events and follows the log: what another process wrote in between is dropped from the cache.
    async fn commit(&mut self, batch: &[Append]) -> Result<Outcome> {
        let count: usize = batch.iter().map(|a| a.events.len()).sum();
        let known = self.known.load(Ordering::Acquire);
        if count == 0 {
            return Ok(Outcome::Committed(Place {
                base: known,
                recorded_at: chrono::DateTime::UNIX_EPOCH,
            }));
        }
        let outcome = self.connection.append(batch).await?;
        if let Outcome::Committed(Place { base, .. }) = outcome {
            if base > known
                && let Err(error) = self.forget_written_elsewhere(known, Some(base)).await
            {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "could not read what other processes wrote; forgetting all that is cached"
                );
                cache::lock(&self.cache).drop_all();
            }
            let last = base + i64::try_from(count).expect("a batch is small");
            self.know(last);
            metrics::counter!("mart_appended_events_total").increment(count as u64);
            metrics::counter!("mart_append_batches_total").increment(1);
        }
        Ok(outcome)
    }

    async fn catch_up(&mut self) -> Result<()> {
        let known = self.known.load(Ordering::Acquire);
        let through = self.forget_written_elsewhere(known, None).await?;
        if through > known {
            self.know(through);
        }
        Ok(())
    }

    async fn forget_written_elsewhere(&mut self, after: i64, up_to: Option<i64>) -> Result<i64> {
        let news = self.connection.news(after, up_to).await?;
        let mut cache = cache::lock(&self.cache);
        for stream in &news.streams {
            cache.drop_stream(stream);
        }
        Ok(news.through)
    }

    fn know(&self, position: i64) {
        self.known.store(position, Ordering::Release);
        self.bell.send_replace(position);
    }

    /// Answers appends that have committed, then hands their events to whoever follows or seals the log here.
    fn succeed(&self, batch: Vec<Append>, place: Place) {
        let (followed, sealed) = (self.feed.is_followed(), self.feed.own().is_wanted());
        let mut through = place.base;
        let mut committed = Vec::new();
        for append in batch {
            let (events, metadata) = self.answer(append, through);
            through += i64::try_from(events.len()).expect("a batch is small");
            if followed || sealed {
                committed.push((events, metadata));
            }
        }
        if followed && through > place.base {
            self.feed.committed(place, through, &committed);
        }
        if sealed && through > place.base {
            self.feed.own().committed(place, committed);
        }
    }

    /// Answers an append whose events follow `base`; returns what it appended.
    fn answer(&self, append: Append, base: i64) -> (Vec<NewEvent>, Arc<str>) {
        let mut position = base;
        let (mut firsts, mut streams) = (Vec::new(), Vec::new());
        let mut cache = cache::lock(&self.cache);
        for event in &append.events {
            position += 1;
            let key = &event.stream;
            let line = append.lines.iter().find(|(of, _)| of == key);
            cache.committed(key, line.map(|(_, line)| line));
            if event.sequence == 1 {
                cache.committed_first(key, position);
                firsts.push((key.id, position));
            }
            if let Some(topic) = topic(key.aggregate_type, event.event_type) {
                reach(&mut streams, topic, key.id, position);
            }
        }
        drop(cache);
        append.lines.iter().for_each(|(_, line)| line.settle());
        let last = if append.events.is_empty() {
            self.known.load(Ordering::Acquire)
        } else {
            position
        };
        let _ = append.reply.send(Ok(Appended {
            last,
            firsts,
            streams,
        }));
        (append.events, append.metadata)
    }

    fn fail_all(&self, batch: Vec<Append>, why: impl Fn() -> Failed) {
        for append in batch {
            self.fail(append, why());
        }
    }

    fn fail(&self, append: Append, why: Failed) {
        {
            let mut cache = cache::lock(&self.cache);
            for (key, line) in &append.lines {
                line.settle();
                cache.break_line(key, line);
            }
        }
        let _ = append.reply.send(Err(why));
    }
}

/// Notes the last position of a stream; those of one append are few.
fn reach(streams: &mut Vec<WrittenStream>, topic: Topic, key: Uuid, position: i64) {
    match streams
        .iter_mut()
        .find(|stream| stream.key == key && stream.topic == topic)
    {
        Some(stream) => stream.position = position,
        None => streams.push(WrittenStream {
            topic,
            key,
            position,
        }),
    }
}

fn rests_on_broken(append: &Append) -> bool {
    append.lines.iter().any(|(_, line)| line.is_broken())
}

fn is_connection_trouble(error: &anyhow::Error) -> bool {
    let refused = |error: &sqlx::Error| error.as_database_error().is_some() && is_final(error);
    !error.downcast_ref().is_some_and(refused)
}
