//! The shop as a child would tell it: a list of orders, a list of deliveries, and sums counted from scratch each time.
//! It shares no code with the domain.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::Shelf;
use crate::wish::{self, Wish};

/// What both sides must agree on.
#[derive(Debug, Default, PartialEq)]
pub struct Picture {
    /// Level, reserved and sold, and whether it is retired.
    pub stock: Shelf<([u64; 3], bool)>,
    /// Cents of what is in the catalogue.
    pub prices: Shelf<i64>,
    /// Cents of each order that stands.
    pub totals: Shelf<i64>,
    /// Cents that the gateway took for each order.
    pub taken: Shelf<i64>,
    /// How often it took them.
    pub charges: Shelf<usize>,
}

#[derive(Clone, Debug)]
struct Listing {
    cents: i64,
    offered: bool,
    deleted: bool,
}

#[derive(Clone, Debug)]
struct Order {
    product: u8,
    user: u8,
    quantity: u32,
    cents: i64,
    cancelled: bool,
    /// Every asking of the gateway and its answer: none, taken or declined.
    asked: Vec<(u8, Option<bool>)>,
}

impl Order {
    fn paid(&self) -> bool {
        self.asked.iter().any(|(_, answer)| *answer == Some(true))
    }

    fn open(&self) -> Option<u8> {
        self.asked
            .iter()
            .find(|(_, answer)| answer.is_none())
            .map(|(attempt, _)| *attempt)
    }

    fn total(&self) -> i64 {
        self.cents * i64::from(self.quantity)
    }
}

/// The shop, and whether the last wish was granted.
#[derive(Clone, Debug, Default)]
pub struct Shop {
    pub granted: bool,
    products: Shelf<Listing>,
    /// All that ever came to the shelf or left it otherwise than by a sale.
    deliveries: Shelf<Vec<i64>>,
    orders: Shelf<Order>,
}

impl Shop {
    fn standing(&self, product: u8) -> impl Iterator<Item = &Order> {
        self.orders
            .values()
            .filter(move |order| order.product == product && !order.cancelled)
    }

    fn sold(&self, product: u8) -> i64 {
        self.standing(product)
            .filter(|order| order.paid())
            .map(|order| i64::from(order.quantity))
            .sum()
    }

    fn reserved(&self, product: u8) -> i64 {
        self.standing(product)
            .filter(|order| !order.paid())
            .map(|order| i64::from(order.quantity))
            .sum()
    }

    fn level(&self, product: u8) -> Option<i64> {
        Some(self.deliveries.get(&product)?.iter().sum::<i64>() - self.sold(product))
    }

    fn free(&self, product: u8) -> i64 {
        self.level(product).unwrap_or(0) - self.reserved(product)
    }

    fn listed(&self, product: u8) -> Option<&Listing> {
        self.products
            .get(&product)
            .filter(|listing| !listing.deleted)
    }

    /// The caller's order that stands.
    fn own(&self, order: u8, user: u8) -> Option<&Order> {
        self.orders
            .get(&order)
            .filter(|order| order.user == user && !order.cancelled)
    }

    pub fn picture(&self) -> Picture {
        let count = |units: i64| u64::try_from(units).expect("nothing is ever negative");
        let stock = self.deliveries.keys().map(|product| {
            let level = self.level(*product).expect("it is kept");
            let numbers = [level, self.reserved(*product), self.sold(*product)].map(count);
            (*product, (numbers, self.listed(*product).is_none()))
        });
        let standing = || self.orders.iter().filter(|(_, order)| !order.cancelled);
        let paid = || standing().filter(|(_, order)| order.paid());
        Picture {
            stock: stock.collect(),
            prices: self
                .products
                .iter()
                .filter(|(_, listing)| !listing.deleted)
                .map(|(product, listing)| (*product, listing.cents))
                .collect(),
            totals: standing()
                .map(|(slot, order)| (*slot, order.total()))
                .collect(),
            taken: paid().map(|(slot, order)| (*slot, order.total())).collect(),
            charges: paid().map(|(slot, _)| (*slot, 1)).collect(),
        }
    }

    /// Does it if it may be done.
    fn hear(&mut self, wish: &Wish) -> bool {
        match *wish {
            Wish::List {
                product,
                cents,
                offered,
            } => {
                if self.products.contains_key(&product) {
                    return false;
                }
                self.products.insert(
                    product,
                    Listing {
                        cents,
                        offered,
                        deleted: false,
                    },
                );
            }
            Wish::Relist {
                product,
                cents,
                offered,
            } => {
                if self.listed(product).is_none() {
                    return false;
                }
                self.products.insert(
                    product,
                    Listing {
                        cents,
                        offered,
                        deleted: false,
                    },
                );
            }
            Wish::Delete { product } => match self.products.get_mut(&product) {
                Some(listing) if !listing.deleted => listing.deleted = true,
                _ => return false,
            },
            Wish::OpenStock { product, level } => {
                if self.listed(product).is_none() || self.deliveries.contains_key(&product) {
                    return false;
                }
                self.deliveries.insert(product, vec![level.into()]);
            }
            Wish::Count { product, level } => {
                let Some(now) = self.level(product) else {
                    return false;
                };
                return self.deliver(product, i64::from(level) - now);
            }
            Wish::Deliver { product, by } => return self.deliver(product, by),
            Wish::Place {
                order,
                product,
                user,
                quantity,
            } => return self.place(order, product, user, quantity),
            Wish::Change {
                order,
                user,
                quantity,
            } => return self.change(order, user, quantity),
            Wish::Cancel { order, user } => return self.cancel(order, user),
            Wish::Pay {
                order,
                user,
                attempt,
            } => return self.pay(order, user, attempt),
            Wish::GatewayTakes { order, attempt } => return self.answered(order, attempt, true),
            Wish::GatewayDeclines { order, attempt } => {
                return self.answered(order, attempt, false);
            }
        }
        true
    }

    fn place(&mut self, order: u8, product: u8, user: u8, quantity: u32) -> bool {
        let Some(Listing {
            cents,
            offered: true,
            ..
        }) = self.listed(product)
        else {
            return false;
        };
        if self.orders.contains_key(&order) || self.free(product) < quantity.into() {
            return false;
        }
        let cents = *cents;
        self.orders.insert(
            order,
            Order {
                product,
                user,
                quantity,
                cents,
                cancelled: false,
                asked: vec![],
            },
        );
        true
    }

    fn change(&mut self, order: u8, user: u8, quantity: u32) -> bool {
        let Some(found) = self.own(order, user) else {
            return false;
        };
        if found.paid() || found.open().is_some() {
            return false;
        }
        let more = i64::from(quantity) - i64::from(found.quantity);
        let retired = self.listed(found.product).is_none();
        if more > 0 && (retired || self.free(found.product) < more) {
            return false;
        }
        self.order(order).quantity = quantity;
        true
    }

    fn cancel(&mut self, order: u8, user: u8) -> bool {
        let Some(found) = self.own(order, user) else {
            return false;
        };
        if found.paid() || found.open().is_some() {
            return false;
        }
        self.order(order).cancelled = true;
        true
    }

    fn pay(&mut self, order: u8, user: u8, attempt: u8) -> bool {
        let Some(found) = self.own(order, user) else {
            return false;
        };
        if found.open() == Some(attempt) {
            return true;
        }
        let asked_before = found.asked.last().is_some_and(|(last, _)| *last == attempt);
        if found.paid() || found.open().is_some() || asked_before {
            return false;
        }
        self.order(order).asked.push((attempt, None));
        true
    }

    fn deliver(&mut self, product: u8, by: i64) -> bool {
        let Some(level) = self.level(product) else {
            return false;
        };
        let after = level + by;
        if self.listed(product).is_none() || after < self.reserved(product) || after > 1_000_000_000
        {
            return false;
        }
        self.deliveries.entry(product).or_default().push(by);
        true
    }

    fn answered(&mut self, order: u8, attempt: u8, taken: bool) -> bool {
        let Some(order) = self.orders.get_mut(&order) else {
            return false;
        };
        if order.cancelled {
            return false;
        }
        match order.asked.last_mut() {
            Some((last, answer @ None)) if *last == attempt => *answer = Some(taken),
            Some((last, Some(answer))) if *last == attempt => return *answer == taken,
            _ => return false,
        }
        true
    }

    fn order(&mut self, slot: u8) -> &mut Order {
        self.orders.get_mut(&slot).expect("it was just found")
    }
}

pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Shop;
    type Transition = Wish;

    fn init_state() -> BoxedStrategy<Shop> {
        Just(Shop::default()).boxed()
    }

    fn transitions(shop: &Shop) -> BoxedStrategy<Wish> {
        let owners = shop.orders.iter().map(|(slot, order)| (*slot, order.user));
        let asked = shop
            .orders
            .iter()
            .filter_map(|(slot, order)| Some((*slot, order.asked.last()?.0)));
        wish::any(owners.collect(), asked.collect())
    }

    fn apply(mut shop: Shop, wish: &Wish) -> Shop {
        shop.granted = shop.hear(wish);
        shop
    }
}
