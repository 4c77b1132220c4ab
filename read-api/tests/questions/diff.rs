use read_api::at::{Aggregate, Diff, Moment, NoMoment, UnknownAggregate, diff, snapshot};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    told::{
        HASH, order_cancelled, order_changed, order_placed, product_changed, product_created,
        registered, rehashed, role_granted, stock_opened, stock_reserved,
    },
    world::World,
};

fn fields(diff: &Diff) -> Vec<(&str, &Value, &Value)> {
    diff.fields
        .iter()
        .map(|change| (change.name.as_str(), &change.before, &change.after))
        .collect()
}

fn positions(diff: &Diff) -> Vec<i64> {
    diff.events.iter().map(|event| event.position).collect()
}

async fn between(
    world: &World,
    aggregate: Aggregate,
    id: Uuid,
    from: &str,
    to: &str,
) -> Option<Diff> {
    let moment = |text: &str| text.parse().expect("a moment");
    diff(&world.reader.log, aggregate, id, moment(from), moment(to))
        .await
        .expect("a diff")
}

#[tokio::test]
async fn a_diff_names_the_fields_that_differ_and_what_happened() {
    let world = World::new().await;
    let (id, alice) = (Uuid::now_v7(), Uuid::now_v7());
    world
        .logged([
            order_placed(id, alice, 2, 99_999),
            registered(alice, "alice"),
            order_changed(id, 2, 3, "Ring"),
            order_cancelled(id, 3),
        ])
        .await;

    let changed = between(&world, Aggregate::Order, id, "1", "2")
        .await
        .expect("a diff");

    let expected = [
        ("customer_notes", &json!(null), &json!("Ring")),
        ("quantity", &json!(2), &json!(3)),
        (
            "shipping_address",
            &json!("123 Main St"),
            &json!("5 Side St"),
        ),
        ("total", &json!(1999.98), &json!(2999.97)),
    ];
    assert_eq!(fields(&changed), expected);
    assert_eq!(positions(&changed), [3]);
    assert!(!changed.more);
    let back = between(&world, Aggregate::Order, id, "2", "1")
        .await
        .expect("a diff");
    assert_eq!(fields(&back)[1], ("quantity", &json!(3), &json!(2)));
    assert_eq!(positions(&back), [3]);
    let whole = between(&world, Aggregate::Order, id, "2020-01-01T00:00:00Z", "2").await;
    let whole = whole.expect("a diff");
    assert!(fields(&whole).iter().all(|(_, before, _)| before.is_null()));
    assert_eq!(positions(&whole), [1, 3]);
    let gone = between(&world, Aggregate::Order, id, "1", "3")
        .await
        .expect("a diff");
    assert!(fields(&gone).iter().all(|(_, _, after)| after.is_null()));
    assert_eq!(positions(&gone), [3, 4]);
}

#[tokio::test]
async fn a_product_differs_by_its_stock_too() {
    let world = World::new().await;
    let (id, order) = (Uuid::now_v7(), Uuid::now_v7());
    let stock = event_store::stock_of(id);
    world
        .logged([
            product_created(id, "Laptop", "", 100),
            stock_opened(stock, id, 1),
            product_changed(id, 2, "Laptop", 100, true),
            stock_reserved(stock, 2, order, 1),
        ])
        .await;
    let restocked = between(&world, Aggregate::Product, id, "1", "2")
        .await
        .expect("a diff");
    assert_eq!(
        fields(&restocked),
        [("is_available", &json!(false), &json!(true))]
    );
    assert_eq!(positions(&restocked), [2, 3]);
    let sold_out = between(&world, Aggregate::Product, id, "2", "2999-01-01T00:00:00Z").await;
    let sold_out = sold_out.expect("a diff");
    assert_eq!(
        fields(&sold_out),
        [("is_available", &json!(true), &json!(false))]
    );
    assert_eq!(positions(&sold_out), [4]);
    let held = between(&world, Aggregate::Stock, stock, "1", "2")
        .await
        .expect("a diff");
    let names: Vec<_> = fields(&held).iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["available_stock", "reserved_stock"]);
}

#[tokio::test]
async fn an_account_is_told_without_its_secrets() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world
        .logged([
            registered(alice, "alice"),
            rehashed(alice, 2),
            role_granted(alice, 3, "admin"),
        ])
        .await;
    let granted = between(&world, Aggregate::Account, alice, "1", "3")
        .await
        .expect("a diff");
    assert_eq!(
        fields(&granted),
        [("role", &json!("customer"), &json!("admin"))]
    );
    assert_eq!(positions(&granted), [2, 3]);
    let text = serde_json::to_string(&granted).expect("JSON");
    assert!(
        !text.contains(HASH) && !text.contains("password_hash"),
        "{text}"
    );
    let rehashed = between(&world, Aggregate::Account, alice, "1", "2")
        .await
        .expect("a diff");
    assert_eq!(
        (fields(&rehashed).len(), positions(&rehashed)),
        (0, vec![2])
    );
    let then = snapshot(
        &world.reader.log,
        Aggregate::Account,
        alice,
        Moment::Version(2),
    )
    .await;
    let then = then.expect("the log answers").expect("it was there");
    assert_eq!(
        (&then["username"], &then["role"]),
        (&json!("alice"), &json!("customer"))
    );
}

#[tokio::test]
async fn what_was_not_there_has_no_diff() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    world.logged([product_created(id, "a", "", 1)]).await;
    let (long_ago, now) = ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z");
    for (id, from, to) in [
        (Uuid::now_v7(), long_ago, now),
        (id, "1", "2"),
        (id, "2", "1"),
        (id, long_ago, long_ago),
    ] {
        assert_eq!(
            between(&world, Aggregate::Product, id, from, to).await,
            None,
            "{from} {to}"
        );
    }
    let same = between(&world, Aggregate::Product, id, "1", now)
        .await
        .expect("a diff");
    assert_eq!((fields(&same).len(), same.events.len()), (0, 0));
}

#[tokio::test]
async fn a_thousand_events_are_told_and_that_there_are_more() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    let mut events = vec![product_created(id, "a", "", 1)];
    events.extend((2..=1_002).map(|sequence| product_changed(id, sequence, "b", 1, true)));
    world.logged(events).await;
    let whole = between(&world, Aggregate::Product, id, "1", "1001")
        .await
        .expect("a diff");
    assert_eq!((whole.events.len(), whole.more), (1_000, false));
    let more = between(&world, Aggregate::Product, id, "1", "1002")
        .await
        .expect("a diff");
    assert_eq!((more.events.len(), more.more), (1_000, true));
}

#[test]
fn moments_and_aggregates_have_names() {
    assert_eq!("7".parse(), Ok(Moment::Version(7)));
    assert_eq!(
        "1970-01-01T01:00:00+01:00".parse(),
        Ok(Moment::Time(chrono::DateTime::UNIX_EPOCH))
    );
    assert_eq!("".parse::<Moment>(), Err(NoMoment));
    assert_eq!("stock".parse(), Ok(Aggregate::Stock));
    assert_eq!("session".parse::<Aggregate>(), Err(UnknownAggregate));
}
