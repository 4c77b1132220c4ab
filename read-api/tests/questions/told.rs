//! Events as they are stored, told in short.

use serde_json::{Value, json};
use uuid::Uuid;

pub struct Told {
    pub aggregate_type: &'static str,
    pub aggregate_id: Uuid,
    pub sequence: i64,
    pub payload: Value,
    actor: String,
    correlation_id: Option<&'static str>,
    causation_id: Option<String>,
}

pub const REQUEST: &str = "request-1";

fn told(aggregate_type: &'static str, aggregate_id: Uuid, sequence: i64, payload: Value) -> Told {
    Told {
        aggregate_type,
        aggregate_id,
        sequence,
        payload,
        actor: "anonymous".to_owned(),
        correlation_id: Some(REQUEST),
        causation_id: None,
    }
}

impl Told {
    pub fn by(self, actor: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            ..self
        }
    }

    pub fn because_of(self, causation_id: &str) -> Self {
        Self {
            causation_id: Some(causation_id.to_owned()),
            ..self
        }
    }

    pub fn asked_by(self, correlation_id: &'static str) -> Self {
        Self {
            correlation_id: Some(correlation_id),
            ..self
        }
    }

    /// As the store's adapter to another framework may write it.
    pub fn without_metadata(self) -> Self {
        Self {
            correlation_id: None,
            ..self
        }
    }

    pub fn event_type(&self) -> &str {
        let fields = self.payload.as_object().expect("an event is an object");
        fields.keys().next().expect("an event has a name")
    }

    pub fn metadata(&self) -> Value {
        let Some(correlation_id) = self.correlation_id else {
            return json!({});
        };
        let mut metadata = json!({"actor": self.actor, "correlation_id": correlation_id});
        if let Some(causation_id) = &self.causation_id {
            metadata["causation_id"] = json!(causation_id);
        }
        metadata
    }
}

fn dollars(minor: i64) -> Value {
    json!({"minor": minor, "currency": "USD"})
}

pub fn product_created(id: Uuid, name: &str, description: &str, price_minor: i64) -> Told {
    let event = json!({"created": {"name": name, "description": description, "price": dollars(price_minor),
        "offered": true}});
    told("product", id, 1, event)
}

/// One of each name.
pub fn products(names: &[&str]) -> Vec<Told> {
    names
        .iter()
        .map(|name| product_created(Uuid::now_v7(), name, "", 100))
        .collect()
}

pub fn product_changed(
    id: Uuid,
    sequence: i64,
    name: &str,
    price_minor: i64,
    offered: bool,
) -> Told {
    let event = json!({"changed": {"name": name, "description": "", "price": dollars(price_minor),
        "offered": offered}});
    told("product", id, sequence, event)
}

pub fn product_deleted(id: Uuid, sequence: i64) -> Told {
    told("product", id, sequence, json!({"deleted": {}}))
}

pub fn stock_opened(id: Uuid, product_id: Uuid, level: i64) -> Told {
    told(
        "stock",
        id,
        1,
        json!({"opened": {"product_id": product_id, "level": level}}),
    )
}

pub fn stock_reserved(id: Uuid, sequence: i64, order_id: Uuid, quantity: i64) -> Told {
    told(
        "stock",
        id,
        sequence,
        json!({"reserved": {"order_id": order_id, "quantity": quantity}}),
    )
}

pub fn stock_committed(id: Uuid, sequence: i64, order_id: Uuid, quantity: i64) -> Told {
    told(
        "stock",
        id,
        sequence,
        json!({"committed": {"order_id": order_id, "quantity": quantity}}),
    )
}

pub fn stock_retired(id: Uuid, sequence: i64) -> Told {
    told("stock", id, sequence, json!({"retired": {}}))
}

pub fn order_placed(id: Uuid, user_id: Uuid, quantity: i64, price_minor: i64) -> Told {
    let event = json!({"placed": {"product_id": Uuid::nil(), "user_id": user_id, "quantity": quantity,
        "unit_price": dollars(price_minor), "shipping_address": "123 Main St", "customer_notes": null,
        "at": "2026-01-02T03:04:05.678901Z"}});
    told("order", id, 1, event).by(user_id.to_string())
}

pub fn order_changed(id: Uuid, sequence: i64, quantity: i64, notes: &str) -> Told {
    let event = json!({"changed": {"quantity": quantity, "shipping_address": "5 Side St", "customer_notes": notes}});
    told("order", id, sequence, event)
}

pub fn order_cancelled(id: Uuid, sequence: i64) -> Told {
    told("order", id, sequence, json!({"cancelled": {}}))
}

pub fn order_payment_started(id: Uuid, sequence: i64, payment_id: Uuid, attempt_id: Uuid) -> Told {
    let event = json!({"payment-started": {"payment_id": payment_id, "attempt_id": attempt_id}});
    told("order", id, sequence, event)
}

pub fn order_payment_failed(id: Uuid, sequence: i64, attempt_id: Uuid) -> Told {
    let event = json!({"payment-failed": {"attempt_id": attempt_id, "code": "expired_card"}});
    told("order", id, sequence, event)
}

pub fn order_completed(id: Uuid, sequence: i64, payment_id: Uuid, attempt_id: Uuid) -> Told {
    let event = json!({"completed": {"payment_id": payment_id, "attempt_id": attempt_id}});
    told("order", id, sequence, event)
}

pub fn payment_attempted(
    id: Uuid,
    sequence: i64,
    user_id: Uuid,
    attempt_id: Uuid,
    minor: i64,
) -> Told {
    let event = json!({"attempted": {"order_id": Uuid::nil(), "user_id": user_id, "attempt_id": attempt_id,
        "amount": dollars(minor), "card": {"brand": "visa", "last4": "4242"}}});
    told("payment", id, sequence, event).by(user_id.to_string())
}

pub fn payment_succeeded(id: Uuid, sequence: i64, attempt_id: Uuid) -> Told {
    told(
        "payment",
        id,
        sequence,
        json!({"succeeded": {"attempt_id": attempt_id}}),
    )
}

pub fn payment_declined(id: Uuid, sequence: i64, attempt_id: Uuid) -> Told {
    let event = json!({"declined": {"attempt_id": attempt_id, "code": "insufficient_funds"}});
    told("payment", id, sequence, event)
}

/// What no answer may hold.
pub const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
pub const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

pub fn registered(id: Uuid, username: &str) -> Told {
    let event = json!({"registered": {"username": username, "email": format!("{username}@example.com"),
        "password_hash": HASH}});
    told("account", id, 1, event)
}

pub fn rehashed(id: Uuid, sequence: i64) -> Told {
    told(
        "account",
        id,
        sequence,
        json!({"password-rehashed": {"password_hash": HASH}}),
    )
}

pub fn role_granted(id: Uuid, sequence: i64, role: &str) -> Told {
    told(
        "account",
        id,
        sequence,
        json!({"role-granted": {"role": role}}),
    )
    .by("system")
}

pub fn session_started(id: Uuid, user_id: Uuid) -> Told {
    let event = json!({"started": {"user_id": user_id, "secret_digest": DIGEST,
        "expires_at": "2026-02-01T00:00:00Z"}});
    told("session", id, 1, event)
}

pub fn session_refreshed(id: Uuid, sequence: i64) -> Told {
    let event =
        json!({"refreshed": {"secret_digest": DIGEST, "expires_at": "2026-03-01T00:00:00Z"}});
    told("session", id, sequence, event)
}
