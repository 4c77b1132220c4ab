//! Views that somebody made on the live tables: they would stay with the old ones, so they are made anew on the new ones.

use anyhow::{Result, ensure};
use sqlx::{Executor as _, FromRow, PgConnection};

use crate::Projection;

/// A view on a live table.
#[derive(FromRow)]
pub(super) struct View {
    /// With its schema, quoted.
    pub(super) name: String,
    /// A statement that makes it anew, with the same owner, grants and options, on whatever has the tables' names.
    pub(super) definition: String,
}

/// Those that name one of the tables themselves; views on these follow.
pub(super) async fn on(
    transaction: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<Vec<View>> {
    // Definitions name the tables in full then.
    transaction
        .execute("select set_config('search_path', '', true)")
        .await?;
    let views = sqlx::query_as(
        "select distinct format('%I.%I', space.nspname, view.relname) as name,
                format('create or replace view %I.%I%s as %s', space.nspname, view.relname,
                       ' with (' || array_to_string(view.reloptions, ', ') || ')',
                       pg_get_viewdef(view.oid)) as definition
         from pg_class live
             join pg_namespace live_space on live_space.oid = live.relnamespace and live_space.nspname = 'public'
             join pg_depend on refclassid = 'pg_class'::regclass and refobjid = live.oid
                 and classid = 'pg_rewrite'::regclass
             join pg_rewrite on pg_rewrite.oid = objid
             join pg_class view on view.oid = ev_class and view.relkind = 'v'
             join pg_namespace space on space.oid = view.relnamespace
         where live.relkind = 'r' and live.relname = any($1)
         order by name",
    )
    .bind(projection.tables())
    .fetch_all(&mut *transaction)
    .await?;
    transaction
        .execute("select set_config('search_path', 'public', true)")
        .await?;
    Ok(views)
}

/// Refuses while a materialised view reads one of the tables: it would stay with the old ones, show them for ever, and
/// keep them from being dropped.
pub(super) async fn none_is_materialised(
    connection: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        "select distinct ev_class::regclass::text
         from pg_class live
             join pg_depend on refclassid = 'pg_class'::regclass and refobjid = live.oid
                 and classid = 'pg_rewrite'::regclass
             join pg_rewrite on pg_rewrite.oid = objid
             join pg_class view on view.oid = ev_class and view.relkind = 'm'
         where live.relkind = 'r' and live.relnamespace = 'public'::regnamespace and live.relname = any($1)
         order by 1",
    )
    .bind(projection.tables())
    .fetch_all(connection)
    .await?;
    let name = projection.name();
    let views = names.join(", ");
    ensure!(
        names.is_empty(),
        "projection {name} cannot be rebuilt while materialised views read its tables ({views}): drop them, and make them \
         anew afterwards"
    );
    Ok(())
}
