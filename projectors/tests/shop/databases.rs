//! Read databases of one test.

use embedded_postgres::testing::{TestDatabase, database};
use projectors::{ReadDatabases, projections};
use sqlx::PgPool;

/// The six databases, dropped with this.
pub struct Shelves {
    pub pools: ReadDatabases,
    _databases: [TestDatabase; 6],
}

pub async fn shelves() -> Shelves {
    let databases = [
        database(&projectors::PRODUCT).await,
        database(&projectors::INVENTORY).await,
        database(&projectors::ORDER).await,
        database(&projectors::USER).await,
        database(&projectors::PAYMENT).await,
        database(&projectors::NOTIFICATION).await,
    ];
    let [product, inventory, order, user, payment, notification] =
        databases.each_ref().map(TestDatabase::pool);
    Shelves {
        pools: ReadDatabases {
            product,
            inventory,
            order,
            user,
            payment,
            notification,
        },
        _databases: databases,
    }
}

/// All rows of all projections' tables, and which mails are to be delivered.
pub async fn contents(databases: &ReadDatabases) -> String {
    let mut all = String::new();
    for projection in projections() {
        for table in projection.tables() {
            let rows: String = sqlx::query_scalar(&format!(
                "select coalesce(string_agg(t::text, e'\\n' order by t::text), '') from \"{table}\" t"
            ))
            .fetch_one(projection.database(databases))
            .await
            .expect("a table can be read");
            all.extend([*table, ":\n", &rows, "\n"]);
        }
    }
    let deliveries: String = sqlx::query_scalar(
        "select coalesce(string_agg(notification_id::text, e'\\n' order by notification_id), '') from delivery",
    )
    .fetch_one(&databases.notification)
    .await
    .expect("a table can be read");
    all + "delivery:\n" + &deliveries
}

/// Empties all tables.
pub async fn clear(databases: &ReadDatabases) {
    for projection in projections() {
        for table in projection.tables() {
            sqlx::query(&format!("delete from \"{table}\""))
                .execute(projection.database(databases))
                .await
                .expect("a table can be emptied");
        }
    }
    sqlx::query("delete from delivery")
        .execute(&databases.notification)
        .await
        .expect("a table can be emptied");
}

/// One number.
pub async fn number(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(pool)
        .await
        .expect("a number")
}
