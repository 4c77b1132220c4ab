//! Databases for tests.
#![cfg(feature = "testing")]

use embedded_postgres::testing;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations");

#[tokio::test]
async fn a_database_has_its_migrations() -> Result<(), sqlx::Error> {
    let database = testing::database(&MIGRATOR).await;
    sqlx::query("insert into shelf (label) values ('socks')")
        .execute(&database.pool())
        .await?;
    let labels: Vec<String> = sqlx::query_scalar("select label from shelf")
        .fetch_all(&database.pool())
        .await?;
    assert_eq!(labels, ["socks"]);
    Ok(())
}

#[tokio::test]
async fn every_test_has_its_own_database() -> Result<(), sqlx::Error> {
    let (one, other) = tokio::join!(testing::database(&MIGRATOR), testing::database(&MIGRATOR));
    assert_ne!(one.name(), other.name());
    sqlx::query("insert into shelf (label) values ('socks')")
        .execute(&one.pool())
        .await?;
    let rows: i64 = sqlx::query_scalar("select count(*) from shelf")
        .fetch_one(&other.pool())
        .await?;
    assert_eq!(rows, 0);
    Ok(())
}

#[tokio::test]
async fn an_empty_database_is_empty_and_reached_by_its_address() -> Result<(), sqlx::Error> {
    let database = testing::empty_database().await;
    let by_address = sqlx::PgPool::connect(&database.url()).await?;
    let (name, tables): (String, i64) = sqlx::query_as(
        "select current_database()::text, count(*) from pg_tables where schemaname = 'public'",
    )
    .fetch_one(&by_address)
    .await?;
    assert_eq!((name.as_str(), tables), (database.name(), 0));
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_no_longer_needed_is_dropped() -> Result<(), sqlx::Error> {
    let watcher = testing::empty_database().await;
    let database = testing::empty_database().await;
    let name = database.name().to_owned();
    let in_use = database.pool().acquire().await?;
    drop(database);
    let begin = std::time::Instant::now();
    loop {
        let there: bool =
            sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(&name)
                .fetch_one(&watcher.pool())
                .await?;
        if !there {
            break;
        }
        assert!(begin.elapsed().as_secs() < 20, "{name} is still there");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(in_use);
    Ok(())
}
