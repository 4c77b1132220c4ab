//! Whatever customers, keepers and the gateway do, in whatever order: the shop's books agree with a simple reference
//! that counts from scratch.

mod books;
mod reference;
mod wish;

use std::collections::BTreeMap;

use domain::id::{AttemptId, OrderId, ProductId, UserId};
use domain::{Product, Stock};
use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use uuid::Uuid;

use books::Books;
use reference::{Picture, Reference, Shop};
use wish::Wish;

prop_state_machine! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_happens_the_books_are_right(sequential 1..120 => Model);
}

struct Model;

impl StateMachineTest for Model {
    type SystemUnderTest = Books;
    type Reference = Reference;

    fn init_test(_: &Shop) -> Books {
        Books::default()
    }

    fn apply(mut books: Books, shop: &Shop, wish: Wish) -> Books {
        let before = books.clone();
        let granted = books.hear(&wish);
        assert_eq!(granted, shop.granted, "{wish:?}");
        if !granted {
            assert_eq!(books, before, "a refusal changes nothing: {wish:?}");
        }
        // Said again, nothing more happens, unless it is a wish for more of the same.
        if granted && wish.is_idempotent() {
            let mut again = books.clone();
            again.hear(&wish);
            assert_eq!(again, books, "said twice, done once: {wish:?}");
        }
        books
    }

    fn check_invariants(books: &Books, shop: &Shop) {
        assert_eq!(books.retold(), *books, "the events tell the same");
        for (slot, stock) in &books.stock {
            let levels = stock.levels().expect("only what was opened is kept");
            assert!(levels.reserved <= levels.level, "slot {slot}: {levels:?}");
            assert!(levels.level <= 1_000_000_000, "slot {slot}: {levels:?}");
        }
        assert_eq!(picture(books), shop.picture());
    }
}

/// What the books show, in the reference's words.
fn picture(books: &Books) -> Picture {
    let stock = books.stock.iter().map(|(slot, stock)| {
        let levels = stock.levels().expect("only what was opened is kept");
        let numbers = [levels.level.into(), levels.reserved.into(), levels.sold];
        (*slot, (numbers, matches!(stock, Stock::Retired(_))))
    });
    let prices = books
        .products
        .iter()
        .filter_map(|(slot, product)| match product {
            Product::Listed { price, .. } => Some((*slot, price.money().minor)),
            Product::New | Product::Deleted => None,
        });
    let totals = books
        .orders
        .iter()
        .filter_map(|(slot, order)| Some((*slot, order.details()?.total().minor)));
    Picture {
        stock: stock.collect(),
        prices: prices.collect(),
        totals: totals.collect(),
        taken: books.taken(),
        charges: books.charges(),
    }
}

/// Slots stand for ids, so that shrinking stays readable.
fn product_id(slot: u8) -> ProductId {
    Uuid::from_u128(0x1000 + u128::from(slot)).into()
}

fn order_id(slot: u8) -> OrderId {
    Uuid::from_u128(0x2000 + u128::from(slot)).into()
}

fn user_id(slot: u8) -> UserId {
    Uuid::from_u128(0x3000 + u128::from(slot)).into()
}

fn attempt_id(order: u8, attempt: u8) -> AttemptId {
    Uuid::from_u128(0x4000 + 0x100 * u128::from(order) + u128::from(attempt)).into()
}

/// By slot.
type Shelf<T> = BTreeMap<u8, T>;
