//! Pools of connections: opened over databases that are there, closed to the last connection.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::sleep;

/// A connection that lay idle for longer is tried before it is used: its server may be gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// Makes the database where the server has none of this name and the role may.
pub(crate) async fn ensure_database(
    options: &PgConnectOptions,
    database: &str,
) -> sqlx::Result<()> {
    const NO_SUCH_DATABASE: &str = "3D000";
    const MADE_MEANWHILE: [&str; 2] = ["42P04", "23505"];
    match options.connect().await {
        Ok(connection) => return connection.close().await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {}
        Err(error) => return Err(error),
    }
    let mut connection = options.clone().database("postgres").connect().await?;
    let create = format!("create database \"{}\"", database.replace('"', "\"\""));
    if let Err(error) = connection.execute(create.as_str()).await {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        if !code.is_some_and(|code| MADE_MEANWHILE.contains(&&*code)) {
            return Err(error);
        }
    }
    connection.close().await
}

/// Whether it may help to try again: there is no server yet, or it is just starting.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    const CANNOT_CONNECT_NOW: &str = "57P03";
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => error.code().as_deref() == Some(CANNOT_CONNECT_NOW),
        _ => false,
    }
}

/// Closes a pool. `PgPool::close` alone forgets one connection in use for each idle one: it may return while connections
/// that were just given back are still being tested, and the server would end under them.
pub(crate) async fn close(pool: &PgPool) {
    pool.close().await;
    while pool.size() > 0 {
        sleep(Duration::from_millis(2)).await;
        pool.close().await;
    }
}

/// Connects when the first one asks.
pub(crate) fn open(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .connect_lazy_with(
            options
                .application_name("online-mart")
                // Migrations look whether their own table is there, and would be told so in a notice each time.
                .options([("client_min_messages", "warning")]),
        )
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_pool_is_closed_when_its_last_connection_is() {
        let database = embedded_postgres::testing::empty_database().await;
        let pool = open(database.options(), 4);
        let mut in_use = Vec::new();
        for _ in 0..4 {
            in_use.push(pool.acquire().await.unwrap());
        }
        let last = in_use.pop();
        drop(in_use);
        while pool.num_idle() < 3 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(
            timeout(Duration::from_millis(100), close(&pool))
                .await
                .is_err()
        );
        drop(last);
        timeout(Duration::from_secs(5), close(&pool)).await.unwrap();
        assert_eq!(pool.size(), 0);
    }
}
