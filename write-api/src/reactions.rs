//! Reactions: what the shop does by itself when something has happened.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::payment::settle::settle_payments;
use crate::shop::Shop;

/// A reaction at work.
type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
/// Follows the log from its checkpoint until it is told to stop.
type Reaction = fn(Shop, Checkpoint, CancellationToken) -> Running;

/// The visible list.
const REACTIONS: [(&str, Reaction); 1] = [("settle-payments", |shop, checkpoint, shutdown| {
    Box::pin(settle_payments(shop, checkpoint, shutdown))
})];

/// How long a reaction that failed rests before it starts over at its checkpoint; longer each time, up to the second.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Starts all reactions. They end when told to, and at once when the set is dropped.
#[must_use]
pub fn reactions(shop: &Shop, shutdown: &CancellationToken) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for (name, reaction) in REACTIONS {
        running.spawn(keep_running(name, reaction, shop.clone(), shutdown.clone()));
    }
    running
}

async fn keep_running(
    name: &'static str,
    reaction: Reaction,
    shop: Shop,
    shutdown: CancellationToken,
) {
    let (mut rest, mut told) = (RESTS.0, None);
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let pool = shop.store.log().pool().clone();
        let run = async {
            let checkpoint = Checkpoint::of(name, pool).await?;
            reaction(shop.clone(), checkpoint, shutdown.clone()).await
        };
        let Err(error) = run.await else {
            continue;
        };
        let error = Some(format!("{error:#}"));
        if error != told || began.elapsed() > RESTS.1 {
            tracing::error!(reaction = name, error, "a reaction failed; it starts over");
            rest = RESTS.0;
        }
        told = error;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(rest) => rest = (rest * 2).min(RESTS.1),
        }
    }
}

/// How far a reaction has dealt with the log.
pub(crate) struct Checkpoint {
    name: &'static str,
    pool: PgPool,
    position: i64,
}

impl Checkpoint {
    async fn of(name: &'static str, pool: PgPool) -> Result<Self> {
        let stored: Option<i64> =
            sqlx::query_scalar("select position from reaction where name = $1")
                .bind(name)
                .fetch_optional(&pool)
                .await?;
        Ok(Self {
            name,
            pool,
            position: stored.unwrap_or(0),
        })
    }

    /// Everything up to here is dealt with.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// Never goes back, whichever process writes it.
    pub(crate) async fn save(&mut self, position: i64) -> Result<()> {
        sqlx::query(
            "insert into reaction as kept (name, position) values ($1, $2)
             on conflict (name) do update set position = greatest(kept.position, excluded.position)",
        )
        .bind(self.name)
        .bind(position)
        .execute(&self.pool)
        .await?;
        self.position = position;
        Ok(())
    }
}
