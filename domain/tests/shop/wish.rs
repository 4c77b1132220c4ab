//! What may be wished for in the shop, and how often.

use proptest::prelude::*;

use crate::Shelf;

/// Something that someone wants.
#[derive(Clone, Debug)]
pub enum Wish {
    List {
        product: u8,
        cents: i64,
        offered: bool,
    },
    Relist {
        product: u8,
        cents: i64,
        offered: bool,
    },
    Delete {
        product: u8,
    },
    OpenStock {
        product: u8,
        level: u32,
    },
    Count {
        product: u8,
        level: u32,
    },
    Deliver {
        product: u8,
        by: i64,
    },
    Place {
        order: u8,
        product: u8,
        user: u8,
        quantity: u32,
    },
    Change {
        order: u8,
        user: u8,
        quantity: u32,
    },
    Cancel {
        order: u8,
        user: u8,
    },
    Pay {
        order: u8,
        user: u8,
        attempt: u8,
    },
    GatewayTakes {
        order: u8,
        attempt: u8,
    },
    GatewayDeclines {
        order: u8,
        attempt: u8,
    },
}

impl Wish {
    /// Whether saying it again asks for nothing more.
    pub fn is_idempotent(&self) -> bool {
        !matches!(self, Wish::Deliver { .. })
    }
}

/// Any wish, mostly of the one whose order it is and about the asking that was made last: others are refused anyway.
pub fn any(owners: Shelf<u8>, asked: Shelf<u8>) -> BoxedStrategy<Wish> {
    let (product, order, user, attempt) = (0..3_u8, 0..6_u8, 0..2_u8, 0..3_u8);
    let cents = prop_oneof![
        Just(1_i64),
        Just(1999),
        Just(100_000_000),
        1..=100_000_000_i64
    ];
    let offered = prop::bool::weighted(0.9);
    let quantity = prop_oneof![4 => 1..=6_u32, 1 => Just(1000_u32)];
    let level = prop_oneof![4 => 0..=12_u32, 1 => 900..=2000_u32, 1 => Just(1_000_000_000_u32)];
    let by = prop_oneof![
        -8..=-1_i64,
        1..=8_i64,
        Just(-1_000_000_000_i64),
        Just(1_000_000_000_i64)
    ];
    // Mostly the one whose order it is, sometimes another.
    let whose = (order.clone(), user.clone(), prop::bool::weighted(0.85)).prop_map(
        move |(order, user, own)| {
            (
                order,
                owners.get(&order).copied().filter(|_| own).unwrap_or(user),
            )
        },
    );
    // Mostly the asking that was made last, sometimes another.
    let which = (order.clone(), attempt.clone(), prop::bool::weighted(0.8)).prop_map(
        move |(order, attempt, last)| {
            (
                order,
                asked
                    .get(&order)
                    .copied()
                    .filter(|_| last)
                    .unwrap_or(attempt),
            )
        },
    );
    prop_oneof![
            3 => (product.clone(), cents.clone(), offered)
                .prop_map(|(product, cents, offered)| Wish::List { product, cents, offered }),
            2 => (product.clone(), cents, offered)
                .prop_map(|(product, cents, offered)| Wish::Relist { product, cents, offered }),
            1 => product.clone().prop_map(|product| Wish::Delete { product }),
            3 => (product.clone(), level.clone()).prop_map(|(product, level)| Wish::OpenStock { product, level }),
            2 => (product.clone(), level).prop_map(|(product, level)| Wish::Count { product, level }),
            3 => (product.clone(), by).prop_map(|(product, by)| Wish::Deliver { product, by }),
            8 => (order, product, user, quantity.clone())
                .prop_map(|(order, product, user, quantity)| Wish::Place { order, product, user, quantity }),
            4 => (whose.clone(), quantity)
                .prop_map(|((order, user), quantity)| Wish::Change { order, user, quantity }),
            2 => whose.clone().prop_map(|(order, user)| Wish::Cancel { order, user }),
            6 => (whose, attempt).prop_map(|((order, user), attempt)| Wish::Pay { order, user, attempt }),
            4 => which.clone().prop_map(|(order, attempt)| Wish::GatewayTakes { order, attempt }),
            3 => which.prop_map(|(order, attempt)| Wish::GatewayDeclines { order, attempt }),
        ]
        .boxed()
}
