//! Tables like the live ones, in another schema.

use anyhow::Result;
use sqlx::{Executor as _, PgConnection, PgExecutor};

use crate::Projection;

/// An identifier for SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether there is a schema of this name.
pub(crate) async fn exists(
    connection: impl PgExecutor<'_>,
    schema: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)")
        .bind(schema)
        .fetch_one(connection)
        .await
}

/// Which tables the live ones are: the last migration's number.
pub(crate) async fn shape(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select coalesce(max(version), 0) from public._sqlx_migrations")
        .fetch_one(connection)
        .await
}

/// Makes the schema with empty tables, and with a `checkpoint` like the live one's that says the shape as well.
pub(super) async fn make(
    transaction: &mut PgConnection,
    projection: &dyn Projection,
    schema: &str,
) -> Result<()> {
    let create = format!("create schema {}", quoted(schema));
    transaction.execute(create.as_str()).await?;
    // Definitions name the table that they are about in full then.
    transaction
        .execute("select set_config('search_path', '', true)")
        .await?;
    for table in projection.tables() {
        copy(transaction, schema, table).await?;
    }
    copy(transaction, schema, "checkpoint").await?;
    let add = format!(
        "alter table {}.checkpoint add column shape bigint not null",
        quoted(schema)
    );
    transaction.execute(add.as_str()).await?;
    transaction
        .execute("select set_config('search_path', 'public', true)")
        .await?;
    Ok(())
}

/// Statements that make a table like `public.<table>`, in their order: columns, constraints, checks, defaults and options
/// first, then the indexes by their own names, at last the owner and who may do what.
const LIKE: &str = "
    with live as (
        select class.oid, reloptions, relacl, relowner, format('%I.%I', $1::text, relname) as new
        from pg_class class join pg_namespace space on space.oid = relnamespace
        where nspname = 'public' and relname = $2 and relkind = 'r'
    ), statements as (
        select 1 as part, 0 as nr, format(
            'create table %s (like public.%I including all excluding indexes)%s', new, $2::text,
            ' with (' || array_to_string(reloptions, ', ') || ')') as sql
        from live
        union all
        select 2, conindid::bigint, format('alter table %s add constraint %I %s', new, conname, pg_get_constraintdef(con.oid))
        from live join pg_constraint con on conrelid = live.oid where contype in ('p', 'u', 'x')
        union all
        select 3, indexrelid::bigint, regexp_replace(
            pg_get_indexdef(indexrelid), ' ON (ONLY )?public\\.(\"[^\"]*\"|[^ ]+) ', format(' ON %s ', new))
        from live join pg_index on indrelid = live.oid
        where not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
        union all
        select 4, 0, format('alter table %s owner to %I', new, pg_get_userbyid(relowner))
        from live where pg_get_userbyid(relowner) <> current_user
        union all
        select 5, row_number() over (), format(
            'grant %s on %s to %s%s', privilege_type, new,
            case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
            case when is_grantable then ' with grant option' end)
        from live, aclexplode(relacl)
        union all
        select 6, row_number() over (), format(
            'grant %s (%I) on %s to %s%s', privilege_type, attname, new,
            case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
            case when is_grantable then ' with grant option' end)
        from live join pg_attribute on attrelid = live.oid, aclexplode(attacl)
    )
    select sql from statements order by part, nr";

async fn copy(transaction: &mut PgConnection, schema: &str, table: &str) -> Result<()> {
    let statements: Vec<String> = sqlx::query_scalar(LIKE)
        .bind(schema)
        .bind(table)
        .fetch_all(&mut *transaction)
        .await?;
    anyhow::ensure!(!statements.is_empty(), "there is no table public.{table}");
    for statement in statements {
        transaction.execute(statement.as_str()).await?;
    }
    Ok(())
}

/// Drops the schema with the tables in it.
pub(super) async fn drop(transaction: &mut PgConnection, schema: &str) -> Result<()> {
    let tables: Option<String> = sqlx::query_scalar(
        "select string_agg(format('%I.%I', nspname, relname), ', ')
         from pg_class join pg_namespace space on space.oid = relnamespace where nspname = $1 and relkind = 'r'",
    )
    .bind(schema)
    .fetch_one(&mut *transaction)
    .await?;
    if let Some(tables) = tables {
        let drop = format!("drop table {tables}");
        transaction.execute(drop.as_str()).await?;
    }
    let drop = format!("drop schema if exists {}", quoted(schema));
    transaction.execute(drop.as_str()).await?;
    Ok(())
}
