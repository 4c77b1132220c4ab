//! The words of the mails.

use event_store::Published;
use proto::order::v1::OrderPlaced;
use proto::payment::v1::PaymentSucceeded;
use uuid::Uuid;

use super::{Letter, Mail, Recipient};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// Somebody registered.
    Registration,
    /// An order was placed.
    Order,
    /// A payment succeeded.
    Payment,
}

impl Kind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Order => "order",
            Self::Payment => "payment",
        }
    }

    /// The subject of such a mail.
    #[must_use]
    pub fn subject(self) -> &'static str {
        match self {
            Self::Registration => "Welcome to Online Mart",
            Self::Order => "Order confirmation",
            Self::Payment => "Payment confirmation",
        }
    }
}

impl Letter {
    pub(super) fn welcome(event: &Published) -> Self {
        let text = "Your account is ready. We are glad to have you.".to_owned();
        Self::about(Kind::Registration, event.aggregate_id, text, event)
    }

    pub(super) fn order(user_id: Uuid, placed: &OrderPlaced, event: &Published) -> Self {
        let price = money(placed.unit_price_minor, &placed.currency);
        let total = money(
            placed.unit_price_minor.saturating_mul(placed.quantity),
            &placed.currency,
        );
        let text = format!(
            "Thank you for your order {}.\n\n\
             Quantity: {}\n\
             Price of one: {price}\n\
             Total: {total}\n\
             Ship to: {}\n\n\
             It is on its way as soon as it is paid.",
            event.aggregate_id, placed.quantity, placed.shipping_address,
        );
        Self::about(Kind::Order, user_id, text, event)
    }

    pub(super) fn payment(
        user_id: Uuid,
        order_id: Uuid,
        paid: &PaymentSucceeded,
        event: &Published,
    ) -> Self {
        let text = format!(
            "We have received your payment of {} for order {order_id}. Thank you.",
            money(paid.amount_minor, &paid.currency),
        );
        Self::about(Kind::Payment, user_id, text, event)
    }

    fn about(kind: Kind, user_id: Uuid, text: String, event: &Published) -> Self {
        Self {
            id: event.position,
            notification_id: event.event_id,
            kind,
            user_id,
            subject: kind.subject().to_owned(),
            text,
            queued_at: event.recorded_at,
        }
    }

    pub(super) fn addressed_to(self, recipient: &Recipient) -> Mail {
        Mail {
            id: self.id,
            notification_id: self.notification_id,
            kind: self.kind,
            user_id: self.user_id,
            recipient: recipient.email.clone(),
            username: recipient.username.clone(),
            subject: self.subject,
            body: format!(
                "Hello {},\n\n{}\n\nOnline Mart\n",
                recipient.username, self.text
            ),
            queued_at: self.queued_at,
        }
    }
}

/// Minor units as people write them.
fn money(minor: i64, currency: &str) -> String {
    format!("{}.{:02} {currency}", minor / 100, minor % 100)
}
