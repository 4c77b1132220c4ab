//! A log in a database of its own, written as the event store stores it.

use embedded_postgres::testing::{TestDatabase, database};
use event_store::Log;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// A log, dropped with this.
pub struct Recorded {
    pub pool: PgPool,
    _database: TestDatabase,
}

/// Aggregate type, id, sequence, event.
pub type Entry = (&'static str, Uuid, i64, Value);

pub async fn recorded() -> Recorded {
    let database = database(&event_store::MIGRATOR).await;
    let pool = database.pool();
    // A copy of the template has the template's.
    sqlx::query("update log_identity set id = gen_random_uuid()")
        .execute(&pool)
        .await
        .expect("an identity of its own");
    Recorded {
        pool,
        _database: database,
    }
}

impl Recorded {
    pub fn log(&self) -> Log {
        Log::open(self.pool.clone())
    }

    /// Appends in one transaction; answers with the last position.
    pub async fn append(&self, entries: &[Entry]) -> i64 {
        let mut transaction = self.pool.begin().await.expect("a transaction");
        let mut head = 0;
        for (aggregate_type, id, sequence, event) in entries {
            head = sqlx::query_scalar(
                "with head as (
                     update log_head set position = position + 1, recorded_at = greatest(recorded_at, now())
                     returning position, recorded_at)
                 insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                                     payload, metadata, event_id, recorded_at)
                 select position, $1, $2, $3, $4, '1', $5::text::json, '{}', $6, recorded_at from head
                 returning position",
            )
            .bind(aggregate_type)
            .bind(id.to_string())
            .bind(sequence)
            .bind(name(event))
            .bind(event.to_string())
            .bind(Uuid::now_v7())
            .fetch_one(&mut *transaction)
            .await
            .expect("an event");
        }
        sqlx::query("notify events")
            .execute(&mut *transaction)
            .await
            .expect("a notification");
        transaction.commit().await.expect("a commit");
        head
    }
}

fn name(event: &Value) -> &str {
    let tags = event.as_object().and_then(|event| event.keys().next());
    tags.expect("an event has a name")
}

pub fn created(product: Uuid) -> Entry {
    let price = json!({"minor": 1_999, "currency": "USD"});
    let event =
        json!({"created": {"name": "Lamp", "description": "", "price": price, "offered": true}});
    ("product", product, 1, event)
}

pub fn opened(stock: Uuid, product: Uuid, level: u32) -> Entry {
    (
        "stock",
        stock,
        1,
        json!({"opened": {"product_id": product, "level": level}}),
    )
}

pub fn adjusted(stock: Uuid, sequence: i64, by: i64) -> Entry {
    (
        "stock",
        stock,
        sequence,
        json!({"adjusted": {"by": by, "reason": null}}),
    )
}

pub fn registered(account: Uuid, name: &str) -> Entry {
    let event = json!({"registered": {
        "username": name,
        "email": format!("{name}@example.com"),
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
    }});
    ("account", account, 1, event)
}
