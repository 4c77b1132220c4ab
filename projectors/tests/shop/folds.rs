//! What each event does to a row.

use std::sync::Arc;

use event_store::Published;
use projectors::{OrderStatus, PaymentStatus, Reason, inventory, orders, payment, product, user};
use uuid::Uuid;

use crate::messages::{
    adjusted, attempted, cancelled, changed, committed, completed, created, declined, deleted, id,
    level_set, opened, payment_failed, payment_started, placed, published, registered, released,
    renamed, reserved, retired, role_granted, role_revoked, succeeded,
};

const LAMP: Uuid = id(1);
const LAMPS: Uuid = id(2);
const ORDER: Uuid = id(3);
const ANNE: Uuid = id(4);
const PAYMENT: Uuid = id(5);
const ATTEMPT: Uuid = id(6);

/// Folds messages of one aggregate, at positions 10, 20, 30, …
macro_rules! folded {
    ($module:ident, $of:expr, [$($message:expr),* $(,)?]) => {{
        let (mut row, mut sequence) = (None, 0);
        $(
            sequence += 1;
            let event = published(sequence * 10, $of, sequence, $message);
            $module::fold(&mut row, &event).expect("it follows");
        )*
        row.expect("a row")
    }};
}

#[test]
fn stock_is_reserved_released_and_sold() {
    let row = folded!(
        inventory,
        LAMPS,
        [
            opened(LAMP, 10),
            reserved(ORDER, 4),
            released(ORDER, 1),
            committed(ORDER, 3),
            adjusted(-2),
        ]
    );
    assert_eq!((row.id, row.product_id, row.version), (10, LAMP, 5));
    let found = row.quantities;
    assert_eq!(
        (found.stock_level, found.reserved_stock, found.sold_stock),
        (5, 0, 3)
    );
    assert!(!row.retired);
}

#[test]
fn a_retired_stock_record_stays_and_still_hands_out_what_was_promised() {
    let row = folded!(
        inventory,
        LAMPS,
        [
            opened(LAMP, 10),
            reserved(ORDER, 4),
            retired(),
            committed(ORDER, 4),
        ]
    );
    assert!(row.retired);
    assert_eq!(row.quantities.sold_stock, 4);
}

#[test]
fn stock_below_what_is_reserved_is_refused() {
    let mut row = Some(folded!(
        inventory,
        LAMPS,
        [opened(LAMP, 5), reserved(ORDER, 4)]
    ));
    let refused = inventory::fold(&mut row, &published(9, LAMPS, 3, level_set(3)));
    let refused = refused.expect_err("3 are fewer than 4");
    assert_eq!(refused.position, 9);
    assert!(matches!(refused.reason, Reason::Impossible(_)));
}

#[test]
fn a_product_is_available_while_it_is_offered_and_a_unit_is_free() {
    let mut row = None;
    let mut fold = |event: Arc<Published>| {
        product::fold(&mut row, &event).expect("it follows");
        row.as_ref().map(product::Product::is_available)
    };
    assert_eq!(fold(published(1, LAMP, 1, created("Lamp", 1))), Some(false));
    assert_eq!(fold(published(2, LAMPS, 1, opened(LAMP, 1))), Some(true));
    assert_eq!(
        fold(published(3, LAMPS, 2, reserved(ORDER, 1))),
        Some(false)
    );
    assert_eq!(fold(published(4, LAMPS, 3, released(ORDER, 1))), Some(true));
    assert_eq!(
        fold(published(5, LAMP, 2, renamed("Lamp", 1, false))),
        Some(false)
    );
}

#[test]
fn a_deleted_product_is_not_revived() {
    let mut row = Some(folded!(product, LAMP, [created("Lamp", 1), deleted()]));
    for event in [
        published(10, LAMP, 1, created("Lamp", 1)),
        published(30, LAMPS, 1, opened(LAMP, 5)),
        published(40, LAMP, 3, renamed("Lamp", 1, true)),
    ] {
        product::fold(&mut row, &event).expect("it is let pass");
        assert_eq!(row.as_ref().and_then(product::Product::listing), None);
    }
}

#[test]
fn an_order_keeps_its_price_and_its_total_follows_the_quantity() {
    let order = folded!(orders, ORDER, [placed(LAMP, ANNE, 2, 1_999), changed(3)]);
    let row = order.row().expect("it stands");
    assert_eq!((row.id, row.version), (10, 2));
    assert_eq!((row.unit_price_minor, row.total_minor()), (1_999, 5_997));
    assert_eq!(row.customer_notes.as_deref(), Some("ring twice"));
}

#[test]
fn an_order_shows_how_its_payment_stands() {
    let mut order = None;
    let mut status = |sequence, message| {
        let event = published(sequence, ORDER, sequence, message);
        orders::fold(&mut order, &event).expect("it follows");
        let row = order
            .as_ref()
            .and_then(orders::Order::row)
            .expect("it stands");
        (row.order_status, row.payment_status)
    };
    let open = |payment| (OrderStatus::InProgress, payment);
    assert_eq!(
        status(1, placed(LAMP, ANNE, 1, 1)),
        open(PaymentStatus::Pending)
    );
    assert_eq!(
        status(2, payment_started(PAYMENT, ATTEMPT)),
        open(PaymentStatus::Pending)
    );
    assert_eq!(
        status(3, payment_failed(ATTEMPT)),
        open(PaymentStatus::Failed)
    );
    assert_eq!(
        status(4, payment_started(PAYMENT, ATTEMPT)),
        open(PaymentStatus::Pending)
    );
    assert_eq!(
        status(5, completed(PAYMENT, ATTEMPT)),
        (OrderStatus::Completed, PaymentStatus::Paid)
    );
}

#[test]
fn a_deleted_order_is_not_revived() {
    let mut order = Some(folded!(
        orders,
        ORDER,
        [placed(LAMP, ANNE, 1, 1), cancelled()]
    ));
    for event in [
        published(10, ORDER, 1, placed(LAMP, ANNE, 1, 1)),
        published(30, ORDER, 3, changed(2)),
    ] {
        orders::fold(&mut order, &event).expect("it is let pass");
        assert_eq!(order.as_ref().and_then(orders::Order::row), None);
    }
}

#[test]
fn a_payment_is_one_row_however_often_it_was_attempted() {
    let row = folded!(
        payment,
        PAYMENT,
        [
            attempted(ORDER, ANNE, ATTEMPT, 100),
            declined(ATTEMPT),
            attempted(ORDER, ANNE, ATTEMPT, 250),
        ]
    );
    assert_eq!((row.id, row.attempts, row.version), (10, 2, 3));
    assert_eq!(row.payment_status, PaymentStatus::Pending);
    assert_eq!((row.amount_minor, row.decline_code), (250, None));
}

#[test]
fn a_payment_ends_paid_or_failed_with_its_reason() {
    let attempt = || attempted(ORDER, ANNE, ATTEMPT, 100);
    let success = succeeded(ORDER, ANNE, ATTEMPT, 100);
    let paid = folded!(payment, PAYMENT, [attempt(), success]);
    assert_eq!(paid.payment_status, PaymentStatus::Paid);
    let failed = folded!(payment, PAYMENT, [attempt(), declined(ATTEMPT)]);
    assert_eq!(failed.payment_status, PaymentStatus::Failed);
    assert_eq!(failed.decline_code.as_deref(), Some("expired_card"));
}

#[test]
fn a_user_has_the_role_that_was_granted_last_and_not_revoked() {
    let mut row = Some(folded!(user, ANNE, [registered("anne")]));
    let mut role = |sequence, message| {
        let event = published(sequence, ANNE, sequence, message);
        user::fold(&mut row, &event).expect("it follows");
        row.as_ref().expect("a row").role.clone()
    };
    // 2 and 4 were not published.
    assert_eq!(role(3, role_granted("admin")), "admin");
    assert_eq!(role(5, role_revoked("customer")), "admin");
    assert_eq!(role(6, role_revoked("admin")), "customer");
}

#[test]
fn an_event_ahead_of_its_aggregates_next_is_refused() {
    let gap = Reason::OutOfOrder {
        expected: 2,
        found: 3,
    };
    let mut row = Some(folded!(inventory, LAMPS, [opened(LAMP, 5)]));
    let before = row.clone();
    let refused = inventory::fold(&mut row, &published(9, LAMPS, 3, reserved(ORDER, 1)));
    assert_eq!(refused.expect_err("a gap").reason, gap);
    assert_eq!(row, before);

    let mut order = Some(folded!(orders, ORDER, [placed(LAMP, ANNE, 1, 1)]));
    let refused = orders::fold(&mut order, &published(9, ORDER, 3, changed(2)));
    assert_eq!(refused.expect_err("a gap").reason, gap);

    let mut product = Some(folded!(product, LAMP, [created("Lamp", 1)]));
    let refused = product::fold(&mut product, &published(9, LAMP, 3, deleted()));
    assert_eq!(refused.expect_err("a gap").reason, gap);

    let mut row = Some(folded!(
        payment,
        PAYMENT,
        [attempted(ORDER, ANNE, ATTEMPT, 1)]
    ));
    let refused = payment::fold(&mut row, &published(9, PAYMENT, 3, declined(ATTEMPT)));
    assert_eq!(refused.expect_err("a gap").reason, gap);

    let refused = user::fold(&mut None, &published(9, ANNE, 2, role_granted("admin")));
    assert!(refused.is_err());
}

#[test]
fn a_message_of_a_kind_that_is_not_known_is_refused() {
    let unknown = proto::Message::Order(proto::order::v1::OrderEvent { event: None });
    let refused = orders::fold(&mut None, &published(7, ORDER, 1, unknown));
    let refused = refused.expect_err("nobody knows what it says");
    assert_eq!(
        (refused.position, refused.reason),
        (7, Reason::Unreadable("an order event"))
    );
}
