//! One aggregate's published events.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use domain::id::{ProductId, StockId};
use domain::{Aggregate as _, account, order, payment, product, stock};
use proto::Topic;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::log::{Log, Published, columns, published};
use crate::upcasters::Attempts;

impl Log {
    /// Every published event of one aggregate, in order: of the one of that id in the topic's context.
    pub async fn stream(&self, topic: Topic, id: Uuid) -> Result<Vec<Arc<Published>>> {
        let rows = sqlx::query(concat!(
            "select ",
            columns!(),
            " from events where aggregate_type = $1 and aggregate_id = $2 order by sequence"
        ))
        .bind(aggregate_type(topic))
        .bind(id.to_string())
        .fetch_all(self.pool())
        .await
        .with_context(|| format!("cannot read the events of {} {id}", topic.name()))?;
        self.published(&rows).await
    }

    /// At most `limit` events of one aggregate after the sequence `after`: the published ones among them, and the
    /// sequence of the last, published or not; `after` itself where there are no more.
    pub async fn stream_page(
        &self,
        topic: Topic,
        id: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<(Vec<Arc<Published>>, i64)> {
        let rows = sqlx::query(concat!(
            "select ",
            columns!(),
            " from events where aggregate_type = $1 and aggregate_id = $2 and sequence > $3 order by sequence limit $4"
        ))
        .bind(aggregate_type(topic))
        .bind(id.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(self.pool())
        .await
        .with_context(|| format!("cannot read the events of {} {id}", topic.name()))?;
        let through = rows.last().map_or(after, |row| row.get("sequence"));
        Ok((self.published(&rows).await?, through))
    }

    async fn published(&self, rows: &[PgRow]) -> Result<Vec<Arc<Published>>> {
        let attempts = Attempts::before(self.pool(), rows).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(event) = published(row)? {
                events.push(Arc::new(attempts.complete(event)?));
            }
        }
        Ok(events)
    }
}

/// The id of a product's one stock record.
#[must_use]
pub fn stock_of(product: Uuid) -> Uuid {
    StockId::of(ProductId::from(product)).into()
}

fn aggregate_type(topic: Topic) -> &'static str {
    match topic {
        Topic::Product => product::Product::TYPE,
        Topic::Inventory => stock::Stock::TYPE,
        Topic::Order | Topic::OrderCreated => order::Order::TYPE,
        Topic::User | Topic::UserRegistration => account::Account::TYPE,
        Topic::Payment | Topic::PaymentDone => payment::Payment::TYPE,
    }
}
