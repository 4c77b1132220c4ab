//! Read models as text, and the same made anew from the log alone.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgPool;

use crate::databases::Databases;
use crate::shop::Shop;

/// Every table with its rows, sorted.
pub type Dump = BTreeMap<String, Vec<String>>;

/// What is not folded from the log: how far it was read, and what became of each mail.
fn row_of(table: &str) -> &'static str {
    match table {
        "checkpoint" => {
            "jsonb_build_object('projection', t.projection, 'version', t.version, 'log', t.log)"
        }
        "delivery" => "jsonb_build_object('notification_id', t.notification_id)",
        _ => "to_jsonb(t)",
    }
}

pub async fn dump(databases: &Databases) -> Dump {
    let mut dump = Dump::new();
    for read_model in databases.read_models() {
        let pool = read_model.pool();
        for table in tables(&pool).await {
            let row = row_of(&table);
            let question = format!(
                "select ({row})::text collate \"C\" as row from \"{table}\" t order by row"
            );
            let rows = sqlx::query_scalar(&question)
                .fetch_all(&pool)
                .await
                .expect("reads");
            dump.insert(format!("{}.{table}", read_model.service), rows);
        }
    }
    dump
}

async fn tables(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations'",
    )
    .fetch_all(pool)
    .await
    .expect("reads")
}

/// Projectors that know nothing of Kafka fill empty databases; every row must be the same.
pub async fn compare(shop: &Shop) {
    let again = shop.databases.with_empty_read_models().await;
    let mut projectors = shop.start_projectors_without_kafka(&again);
    projectors.ready().await;
    again.shown(Duration::from_mins(1)).await;
    projectors.stop().await;
    same(&dump(&shop.databases).await, &dump(&again).await);
}

/// Insists that they are the same, and tells the first rows that are not.
#[track_caller]
pub fn same(live: &Dump, again: &Dump) {
    let names = |dump: &Dump| dump.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(live), names(again), "other tables");
    for (table, rows) in live {
        let others = &again[table];
        let lacking = |some: &[String], others: &[String]| {
            let lacks = some.iter().filter(|row| others.binary_search(row).is_err());
            lacks.take(5).cloned().collect::<Vec<_>>()
        };
        assert!(
            rows == others,
            "{table}: {} rows, from the log {}\nonly here: {:#?}\nonly from the log: {:#?}",
            rows.len(),
            others.len(),
            lacking(rows, others),
            lacking(others, rows),
        );
    }
}
