//! One mail each for registration, order and payment: `mail`, folded from the log. Sending them is the mailer's.

mod letter;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::Published;
use futures::future::BoxFuture;
use proto::order::v1::{OrderEvent, OrderPlaced, order_event};
use proto::payment::v1::{PaymentEvent, PaymentSucceeded, payment_event};
use proto::user::v1::{UserEvent, UserRegistered, user_event};
use proto::{Message, Topic};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::ReadDatabases;
use crate::projection::{self, ApplyError, Projection, Refused};
use crate::rows::Rows;

pub use letter::Kind;

/// On this channel Postgres tells the mailers that mails were queued.
pub(crate) const MAIL_QUEUED: &str = "mail_queued";

/// The projection `notification`.
pub struct Notifications;

/// A row of `mail`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Mail {
    /// Position of the event.
    pub id: i64,
    /// The event's id.
    pub notification_id: Uuid,
    /// What it is about.
    pub kind: Kind,
    /// Whom it is for.
    pub user_id: Uuid,
    /// The address.
    pub recipient: String,
    /// The name to greet.
    pub username: String,
    /// As CONTRACT words it for the kind.
    pub subject: String,
    /// The greeting and what there is to say.
    pub body: String,
    /// When the event was recorded.
    pub queued_at: DateTime<Utc>,
}

/// A mail that does not know its address yet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
struct Letter {
    id: i64,
    notification_id: Uuid,
    kind: Kind,
    user_id: Uuid,
    subject: String,
    text: String,
    queued_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
struct Recipient {
    user_id: Uuid,
    username: String,
    email: String,
    version: i64,
}

/// What the mails of a batch need, and the mails it makes.
///
/// It hears of registrations, orders placed and payments made, and of nothing else: sequences have holes, each message
/// says all there is to write, and one that was seen before has its mail already.
struct MailRoom {
    recipients: Rows<Recipient>,
    waiting: BTreeMap<Uuid, Letter>,
    mails: Vec<Mail>,
}

impl MailRoom {
    fn fold(&mut self, event: &Published) -> Result<(), Refused> {
        match &event.message {
            Message::User(message) => self.fold_user(message, event),
            Message::Order(message) => self.fold_order(message, event),
            Message::Payment(message) => self.fold_payment(message, event),
            Message::Product(_) | Message::Inventory(_) => Ok(()),
        }
    }

    fn fold_user(&mut self, message: &UserEvent, event: &Published) -> Result<(), Refused> {
        let unreadable = || Refused::unreadable(event, "a user event");
        match message.event.as_ref().ok_or_else(unreadable)? {
            user_event::Event::Registered(registered) => self.registered(registered, event),
            user_event::Event::RoleGranted(_) | user_event::Event::RoleRevoked(_) => {}
        }
        Ok(())
    }

    fn registered(&mut self, registered: &UserRegistered, event: &Published) {
        let user_id = event.aggregate_id;
        let recipient = self.recipients.row(user_id);
        if recipient.is_some() {
            return; // seen before
        }
        *recipient = Some(Recipient {
            user_id,
            username: registered.username.clone(),
            email: registered.email.clone(),
            version: event.sequence,
        });
        self.queue(Letter::welcome(event));
        let theirs = |letter: &Letter| letter.user_id == user_id;
        let waited: Vec<Letter> = self
            .waiting
            .values()
            .filter(|l| theirs(l))
            .cloned()
            .collect();
        for letter in waited {
            self.waiting.remove(&letter.notification_id);
            self.queue(letter);
        }
    }

    fn fold_order(&mut self, message: &OrderEvent, event: &Published) -> Result<(), Refused> {
        use order_event::Event;

        let unreadable = || Refused::unreadable(event, "an order event");
        match message.event.as_ref().ok_or_else(unreadable)? {
            Event::Placed(placed) => self.placed(placed, event),
            Event::Changed(_)
            | Event::Cancelled(_)
            | Event::PaymentStarted(_)
            | Event::PaymentFailed(_)
            | Event::Completed(_) => Ok(()),
        }
    }

    fn placed(&mut self, placed: &OrderPlaced, event: &Published) -> Result<(), Refused> {
        let user_id = projection::id(event, &placed.user_id, "a user's id")?;
        self.queue(Letter::order(user_id, placed, event));
        Ok(())
    }

    fn fold_payment(&mut self, message: &PaymentEvent, event: &Published) -> Result<(), Refused> {
        use payment_event::Event;

        let unreadable = || Refused::unreadable(event, "a payment event");
        match message.event.as_ref().ok_or_else(unreadable)? {
            Event::Succeeded(succeeded) => self.succeeded(succeeded, event),
            Event::Attempted(_) | Event::Declined(_) => Ok(()),
        }
    }

    fn succeeded(&mut self, paid: &PaymentSucceeded, event: &Published) -> Result<(), Refused> {
        let user_id = projection::id(event, &paid.user_id, "a user's id")?;
        let order_id = projection::id(event, &paid.order_id, "an order's id")?;
        self.queue(Letter::payment(user_id, order_id, paid, event));
        Ok(())
    }

    /// Addresses the letter, or lets it wait until its recipient is known.
    fn queue(&mut self, letter: Letter) {
        match self.recipients.get(letter.user_id) {
            Some(recipient) => self.mails.push(letter.addressed_to(recipient)),
            None => {
                self.waiting.insert(letter.notification_id, letter);
            }
        }
    }
}

impl Projection for Notifications {
    fn name(&self) -> &'static str {
        "notification"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["mail", "mail_waiting", "recipient"]
    }

    fn database<'a>(&self, databases: &'a ReadDatabases) -> &'a PgPool {
        &databases.notification
    }

    fn topics(&self) -> &'static [Topic] {
        &[
            Topic::UserRegistration,
            Topic::OrderCreated,
            Topic::PaymentDone,
        ]
    }

    fn concerns(&self, message: &Message) -> bool {
        // What nobody can read may be one of these: the fold refuses it.
        match message {
            Message::User(user) => {
                matches!(user.event, Some(user_event::Event::Registered(_)) | None)
            }
            Message::Order(order) => {
                matches!(order.event, Some(order_event::Event::Placed(_)) | None)
            }
            Message::Payment(payment) => {
                matches!(
                    payment.event,
                    Some(payment_event::Event::Succeeded(_)) | None
                )
            }
            Message::Product(_) | Message::Inventory(_) => false,
        }
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Arc<Published>],
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut room = tables::load(connection, events).await?;
            let waited: Vec<Uuid> = room.waiting.keys().copied().collect();
            for event in events {
                room.fold(event)?;
            }
            Ok(tables::store(connection, &room, &waited).await?)
        })
    }
}
