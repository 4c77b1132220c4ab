//! The new tables are like the old ones in all that is not rows.

use projectors::projections;
use sqlx::{Executor as _, PgPool};

use crate::databases::number;
use crate::running::{Shop, named};

/// Columns, constraints, indexes, options and grants of the tables of schema public, one a line.
async fn described(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "with live as (
             select class.oid, relname, reloptions, relacl, relowner
             from pg_class class join pg_namespace space on space.oid = relnamespace
             where nspname = 'public' and relkind = 'r')
         select format('%s: %s %s owner %s', relname, reloptions, relacl, relowner::regrole) from live
         union all
         select format('%s.%s: %s %s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull,
                       attgenerated, attacl, pg_get_expr(adbin, adrelid))
         from live join pg_attribute on attrelid = live.oid left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
         where attnum > 0
         union all
         select format('%s: %s %s', relname, conname, pg_get_constraintdef(con.oid))
         from live join pg_constraint con on conrelid = live.oid
         union all
         select pg_get_indexdef(indexrelid) from live join pg_index on indrelid = live.oid
         order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("a description")
}

#[tokio::test]
async fn columns_indexes_options_and_grants_are_as_they_were() {
    let shop = Shop::with(50, 1).await;
    let reporter = format!("reporter_{}", std::process::id());
    let inventory = &shop.databases().inventory;
    let grant = format!(
        "create role {reporter}; grant select on inventory to {reporter}, public;
         grant update (sold_stock) on inventory to {reporter} with grant option"
    );
    inventory.execute(grant.as_str()).await.expect("grants");
    for projection in projections() {
        let pool = projection.database(shop.databases());
        let before = described(pool).await;
        assert!(
            before.iter().any(|line| line.contains("fillfactor=")),
            "{before:#?}"
        );
        shop.rebuild(projection).await.expect("it is rebuilt");
        assert_eq!(before, described(pool).await);
    }
    let of_reporter = described(inventory).await;
    let named = of_reporter.iter().filter(|line| line.contains(&reporter));
    assert_eq!(named.count(), 2, "{of_reporter:#?}");
    let drop = format!("drop owned by {reporter}; drop role {reporter}");
    inventory.execute(drop.as_str()).await.expect("no role");
}

#[tokio::test]
async fn the_planner_knows_the_new_rows() {
    let shop = Shop::with(400, 2).await;
    let inventory = &shop.databases().inventory;
    shop.rebuild(named("inventory"))
        .await
        .expect("it is rebuilt");
    let known: (f32, i64) = sqlx::query_as(
        "select reltuples, (select count(*) from inventory) from pg_class where oid = 'inventory'::regclass",
    )
    .fetch_one(inventory)
    .await
    .expect("statistics");
    #[expect(clippy::cast_precision_loss, reason = "some hundred rows")]
    let rows = known.1 as f32;
    assert!((known.0 - rows).abs() < 0.5, "{known:?}");
}

#[tokio::test]
async fn views_on_the_tables_show_the_new_ones_and_are_in_nobodys_way() {
    let mut shop = Shop::with(100, 3).await;
    let inventory = &shop.databases().inventory.clone();
    inventory
        .execute(
            "create view empty with (security_barrier = true) as
                 select i.* from inventory i where stock_level = 0;
             create schema reports;
             create view reports.count as select count(*) as records, max(version) as version from inventory;
             create view reports.doubled as select records * 2 as records from reports.count",
        )
        .await
        .expect("views");
    for _ in 0..3 {
        shop.happens(100).await;
        shop.rebuild(named("inventory"))
            .await
            .expect("it is rebuilt");
        let same = "select (select count(*) from inventory) - (select records from reports.count)";
        assert_eq!(number(inventory, same).await, 0);
        let same =
            "select (select count(*) * 2 from inventory) - (select records from reports.doubled)";
        assert_eq!(number(inventory, same).await, 0);
        let secure =
            "select count(*) from pg_class where relname = 'empty' and reloptions is not null";
        assert_eq!(number(inventory, secure).await, 1);
    }
    shop.go_back(named("inventory"))
        .await
        .expect("it goes back");
    projectors::rebuild::drop_previous(shop.databases(), named("inventory"))
        .await
        .expect("nothing holds them");
    assert_eq!(shop.schemas(named("inventory")).await, ["reports"]);
}

#[tokio::test]
async fn a_materialised_view_has_to_go_first() {
    let shop = Shop::with(50, 4).await;
    let inventory = &shop.databases().inventory;
    inventory
        .execute("create materialized view shelf as select count(*) as records from inventory")
        .await
        .expect("a view");
    let refused = shop
        .rebuild(named("inventory"))
        .await
        .expect_err("in the way");
    assert!(refused.to_string().contains("(shelf)"), "{refused}");
    assert!(shop.schemas(named("inventory")).await.is_empty());
    inventory
        .execute("drop materialized view shelf")
        .await
        .expect("gone");
    shop.rebuild(named("inventory"))
        .await
        .expect("it is rebuilt");
}
