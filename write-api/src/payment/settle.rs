//! The reaction that settles what was left open: attempts whose process died, or whose gateway did not answer in time.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use domain::Payment;
use domain::id::{AttemptId, PaymentId};
use event_store::{Context, Page, Published};
use proto::Message;
use proto::payment::v1::PaymentAttempted;
use proto::payment::v1::payment_event::Event;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::payment::attempt::{charge, look};
use crate::reactions::Checkpoint;
use crate::shop::Shop;

/// How many gateways' answers are awaited at once.
const AT_ONCE: usize = 16;
/// The longest pause between two askings of one attempt.
const LONGEST_PAUSE: Duration = Duration::seconds(30);
/// How often the checkpoint is written, at most.
const CHECKPOINT_EVERY: time::Duration = time::Duration::from_secs(1);

/// Follows the log and asks the gateway again about each attempt that is open for longer than its deadline.
pub(crate) async fn settle_payments(
    shop: Shop,
    mut checkpoint: Checkpoint,
    shutdown: CancellationToken,
) -> Result<()> {
    let mut subscription = shop.store.log().subscribe(checkpoint.position());
    let head = shop.store.log().head().await?;
    let mut open = OpenAttempts::from(checkpoint.position());
    let mut asking = JoinSet::new();
    let mut save_at = Instant::now() + CHECKPOINT_EVERY;
    loop {
        // Before the log's head as it was at the start is reached, most of what looks open was settled long ago.
        while open.through >= head && asking.len() < AT_ONCE {
            let Some(due) = open.take_due(shop.clock.now()) else {
                break;
            };
            asking.spawn(ask_again(shop.clone(), due));
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            page = subscription.next() => open.note(&page?, deadline(&shop)),
            Some(asked) = asking.join_next() => {
                let (due, settled) = asked?;
                open.asked(&due, settled, shop.clock.now(), deadline(&shop));
            }
            () = time::sleep(open.pause(shop.clock.now())), if open.through >= head && asking.len() < AT_ONCE => {}
            () = time::sleep_until(save_at), if open.checkpoint() > checkpoint.position() => {
                checkpoint.save(open.checkpoint()).await?;
                save_at = Instant::now() + CHECKPOINT_EVERY;
            }
        }
    }
    checkpoint.save(open.checkpoint()).await
}

/// An attempt to be asked about.
struct Due {
    payment_id: PaymentId,
    attempt_id: AttemptId,
    context: Context,
}

/// True when the attempt is settled now.
async fn ask_again(shop: Shop, due: Due) -> (Due, bool) {
    let asked = async {
        shop.catch_up().await?;
        let shown = look(&shop, due.context.clone(), due.payment_id).await?;
        charge(&shop, due.context.clone(), due.payment_id, shown).await
    };
    let settled = match asked.await {
        Ok(shown) => !matches!(
            &*shown.state,
            Payment::Attempting { attempt_id, .. } if *attempt_id == due.attempt_id
        ),
        Err(_) => false, // told where it happened; tried again
    };
    (due, settled)
}

fn deadline(shop: &Shop) -> Duration {
    Duration::from_std(shop.gateway_deadline).unwrap_or(LONGEST_PAUSE)
}

/// The attempts that the log has begun and not yet ended.
struct OpenAttempts {
    through: i64,
    attempts: HashMap<PaymentId, Attempt>,
}

struct Attempt {
    id: AttemptId,
    position: i64,
    /// What follows from the attempt belongs to the request that began it.
    context: Context,
    due: DateTime<Utc>,
    asked: u32,
    being_asked: bool,
}

impl OpenAttempts {
    fn from(position: i64) -> Self {
        Self {
            through: position,
            attempts: HashMap::new(),
        }
    }

    fn note(&mut self, page: &Page, deadline: Duration) {
        for event in &page.events {
            if let Message::Payment(payment) = &event.message {
                self.note_payment(event, payment.event.as_ref(), deadline);
            }
        }
        self.through = page.through;
    }

    fn note_payment(&mut self, published: &Published, event: Option<&Event>, deadline: Duration) {
        let payment_id = PaymentId::from(published.aggregate_id);
        match event {
            Some(Event::Attempted(PaymentAttempted { attempt_id, .. })) => match attempt_id.parse()
            {
                Ok(id) => {
                    let due = published.recorded_at + deadline;
                    let attempt = Attempt {
                        id,
                        position: published.position,
                        context: Context {
                            causation_id: Some(published.event_id.to_string()),
                            traceparent: Some(published.traceparent.clone()),
                            ..Context::system(published.correlation_id.clone())
                        },
                        due,
                        asked: 0,
                        being_asked: false,
                    };
                    self.attempts.insert(payment_id, attempt);
                }
                Err(error) => {
                    tracing::error!(%payment_id, %error, "a payment attempt's id is none");
                }
            },
            Some(Event::Succeeded(_) | Event::Declined(_)) => {
                self.attempts.remove(&payment_id);
            }
            None => {}
        }
    }

    /// One attempt that is to be asked about now.
    fn take_due(&mut self, now: DateTime<Utc>) -> Option<Due> {
        let due = |attempt: &Attempt| !attempt.being_asked && attempt.due <= now;
        let (payment_id, attempt) = self.attempts.iter_mut().find(|(_, attempt)| due(attempt))?;
        attempt.being_asked = true;
        Some(Due {
            payment_id: *payment_id,
            attempt_id: attempt.id,
            context: attempt.context.clone(),
        })
    }

    fn asked(&mut self, asked: &Due, settled: bool, now: DateTime<Utc>, deadline: Duration) {
        let known = self.attempts.get_mut(&asked.payment_id);
        let Some(attempt) = known.filter(|attempt| attempt.id == asked.attempt_id) else {
            return;
        };
        if settled {
            self.attempts.remove(&asked.payment_id);
            return;
        }
        attempt.being_asked = false;
        attempt.asked = (attempt.asked + 1).min(16);
        attempt.due = now + (deadline * (1 << attempt.asked)).min(LONGEST_PAUSE);
    }

    /// How long nothing is due.
    fn pause(&self, now: DateTime<Utc>) -> time::Duration {
        let waiting = self
            .attempts
            .values()
            .filter(|attempt| !attempt.being_asked);
        let next = waiting.map(|attempt| attempt.due).min();
        next.map_or(time::Duration::from_hours(1), |due| {
            (due - now).to_std().unwrap_or_default()
        })
    }

    /// Up to where nothing is open: whoever starts there misses no attempt.
    fn checkpoint(&self) -> i64 {
        let oldest = self.attempts.values().map(|attempt| attempt.position).min();
        oldest.map_or(self.through, |position| position - 1)
    }
}
