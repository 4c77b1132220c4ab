//! The shop's four aggregates, kept together as the write side keeps them: a wish is decided by all that it touches, or
//! nothing happens.

use std::error::Error;

use chrono::DateTime;
use domain::card::{Brand, Card, DeclineCode};
use domain::id::{PaymentId, StockId};
use domain::money::{Money, Price};
use domain::quantity::Difference;
use domain::{Aggregate, Order, Payment, Product, Stock, order, payment, product, stock};

use crate::wish::Wish;
use crate::{Shelf, attempt_id, order_id, product_id, user_id};

type Refusal = Box<dyn Error>;

/// What happened, to whom, in order.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Product(u8, product::Event),
    Stock(u8, stock::Event),
    Order(u8, order::Event),
    Payment(u8, payment::Event),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Books {
    pub products: Shelf<Product>,
    pub stock: Shelf<Stock>,
    pub orders: Shelf<Order>,
    pub payments: Shelf<Payment>,
    log: Vec<Entry>,
}

impl Books {
    /// Whether it was granted; if not, nothing has happened.
    pub fn hear(&mut self, wish: &Wish) -> bool {
        let mut draft = self.clone();
        let granted = draft.decide(wish).is_ok();
        if granted {
            *self = draft;
        }
        granted
    }

    /// The same books, written from their events.
    pub fn retold(&self) -> Books {
        let mut books = Books::default();
        for entry in &self.log {
            books.note(entry.clone());
        }
        books
    }

    /// Cents that the gateway took for each order.
    pub fn taken(&self) -> Shelf<i64> {
        let paid = self
            .payments
            .iter()
            .filter_map(|(slot, payment)| match payment {
                Payment::Paid { details, .. } => Some((*slot, details.amount.minor)),
                Payment::New | Payment::Attempting { .. } | Payment::Declined { .. } => None,
            });
        paid.collect()
    }

    /// How often the gateway took money for each order.
    pub fn charges(&self) -> Shelf<usize> {
        let mut charges = Shelf::new();
        for entry in &self.log {
            if let Entry::Payment(slot, payment::Event::Succeeded { .. }) = entry {
                *charges.entry(*slot).or_default() += 1;
            }
        }
        charges
    }

    fn decide(&mut self, wish: &Wish) -> Result<(), Refusal> {
        match *wish {
            Wish::List {
                product,
                cents,
                offered,
            } => {
                let (name, description) = ("Lamp".parse()?, "".parse()?);
                let price = Price::try_from(Money::usd(cents))?;
                self.product(
                    product,
                    product::Command::Create {
                        name,
                        description,
                        price,
                        offered,
                    },
                )
            }
            Wish::Relist {
                product,
                cents,
                offered,
            } => {
                let (name, description) = ("Lamp".parse()?, "".parse()?);
                let price = Price::try_from(Money::usd(cents))?;
                self.product(
                    product,
                    product::Command::Change {
                        name,
                        description,
                        price,
                        offered,
                    },
                )
            }
            Wish::Delete { product } => {
                self.product(product, product::Command::Delete)?;
                self.stock(product, stock::Command::Retire)
            }
            Wish::OpenStock { product, level } => {
                if !matches!(self.products.get(&product), Some(Product::Listed { .. })) {
                    return Err(product::Error::NotFound.into());
                }
                let product_id = product_id(product);
                self.stock(
                    product,
                    stock::Command::Open {
                        product_id,
                        level: level.try_into()?,
                    },
                )
            }
            Wish::Count { product, level } => self.stock(
                product,
                stock::Command::SetLevel {
                    level: level.try_into()?,
                },
            ),
            Wish::Deliver { product, by } => self.stock(
                product,
                stock::Command::Adjust {
                    by: by.try_into()?,
                    reason: None,
                },
            ),
            Wish::Place {
                order,
                product,
                user,
                quantity,
            } => self.place(order, product, user, quantity),
            Wish::Change {
                order,
                user,
                quantity,
            } => self.change(order, user, quantity),
            Wish::Cancel { order, user } => self.cancel(order, user),
            Wish::Pay {
                order,
                user,
                attempt,
            } => self.pay(order, user, attempt),
            Wish::GatewayTakes { order, attempt } => self.gateway_takes(order, attempt),
            Wish::GatewayDeclines { order, attempt } => {
                let (attempt_id, code) = (attempt_id(order, attempt), DeclineCode::GenericDecline);
                self.order(order, order::Command::FailPayment { attempt_id, code })?;
                self.payment(order, payment::Command::Decline { attempt_id, code })
            }
        }
    }

    fn place(&mut self, order: u8, product: u8, user: u8, quantity: u32) -> Result<(), Refusal> {
        let unit_price = self
            .products
            .get(&product)
            .unwrap_or(&Product::New)
            .price_for_order()?;
        let quantity = quantity.try_into()?;
        if self.orders.contains_key(&order) {
            // The same id is only ever used for the same order; whether it is the same is not the order's to know.
            return Err(order::Error::AlreadyPlaced.into());
        }
        self.order(
            order,
            order::Command::Place {
                product_id: product_id(product),
                user_id: user_id(user),
                quantity,
                unit_price,
                shipping_address: "1 Main Street".parse()?,
                customer_notes: None,
                at: DateTime::UNIX_EPOCH,
            },
        )?;
        self.stock(
            product,
            stock::Command::Reserve {
                order_id: order_id(order),
                quantity,
            },
        )
    }

    fn change(&mut self, order: u8, user: u8, quantity: u32) -> Result<(), Refusal> {
        let before = self.orders.get(&order).cloned().unwrap_or_default();
        let quantity = quantity.try_into()?;
        self.order(
            order,
            order::Command::Change {
                by: user_id(user),
                quantity,
                shipping_address: "1 Main Street".parse()?,
                customer_notes: None,
            },
        )?;
        let details = before.details().ok_or(order::Error::NotFound)?;
        let (product, order_id) = (self.slot(details), order_id(order));
        match details.quantity.difference_to(quantity) {
            Difference::Same => Ok(()),
            Difference::More(quantity) => {
                self.stock(product, stock::Command::Reserve { order_id, quantity })
            }
            Difference::Fewer(quantity) => {
                self.stock(product, stock::Command::Release { order_id, quantity })
            }
        }
    }

    fn cancel(&mut self, order: u8, user: u8) -> Result<(), Refusal> {
        let before = self.orders.get(&order).cloned().unwrap_or_default();
        self.order(order, order::Command::Cancel { by: user_id(user) })?;
        let details = before.details().ok_or(order::Error::NotFound)?;
        let (product, quantity) = (self.slot(details), details.quantity);
        self.stock(
            product,
            stock::Command::Release {
                order_id: order_id(order),
                quantity,
            },
        )
    }

    fn pay(&mut self, order: u8, user: u8, attempt: u8) -> Result<(), Refusal> {
        let (order_id, attempt_id) = (order_id(order), attempt_id(order, attempt));
        let (by, payment_id) = (user_id(user), PaymentId::of(order_id));
        self.order(
            order,
            order::Command::StartPayment {
                by,
                payment_id,
                attempt_id,
            },
        )?;
        let amount = self.orders[&order]
            .details()
            .ok_or(order::Error::NotFound)?
            .total();
        let card = Card {
            brand: Brand::Visa,
            last4: "4242".parse()?,
        };
        self.payment(
            order,
            payment::Command::Attempt {
                order_id,
                user_id: by,
                attempt_id,
                amount,
                card,
            },
        )
    }

    fn gateway_takes(&mut self, order: u8, attempt: u8) -> Result<(), Refusal> {
        let (order_id, attempt_id) = (order_id(order), attempt_id(order, attempt));
        let payment_id = PaymentId::of(order_id);
        let before = self.log.len();
        self.order(
            order,
            order::Command::Complete {
                payment_id,
                attempt_id,
            },
        )?;
        let completed = self.log.len() > before;
        self.payment(order, payment::Command::Succeed { attempt_id })?;
        if !completed {
            return Ok(()); // said twice: the stock was handed out the first time
        }
        let details = self.orders[&order]
            .details()
            .ok_or(order::Error::NotFound)?;
        let (product, quantity) = (self.slot(details), details.quantity);
        self.stock(product, stock::Command::Commit { order_id, quantity })
    }

    fn slot(&self, details: &order::Details) -> u8 {
        let stock_id = StockId::of(details.product_id);
        let found = self
            .products
            .keys()
            .find(|slot| StockId::of(product_id(**slot)) == stock_id);
        *found.expect("what was ordered was once listed")
    }

    fn product(&mut self, slot: u8, command: product::Command) -> Result<(), Refusal> {
        let events = self
            .products
            .get(&slot)
            .unwrap_or(&Product::New)
            .decide(command)?;
        self.note_all(events.into_iter().map(|event| Entry::Product(slot, event)));
        Ok(())
    }

    fn stock(&mut self, slot: u8, command: stock::Command) -> Result<(), Refusal> {
        let events = self
            .stock
            .get(&slot)
            .unwrap_or(&Stock::New)
            .decide(command)?;
        self.note_all(events.into_iter().map(|event| Entry::Stock(slot, event)));
        Ok(())
    }

    fn order(&mut self, slot: u8, command: order::Command) -> Result<(), Refusal> {
        let events = self
            .orders
            .get(&slot)
            .unwrap_or(&Order::New)
            .decide(command)?;
        self.note_all(events.into_iter().map(|event| Entry::Order(slot, event)));
        Ok(())
    }

    fn payment(&mut self, slot: u8, command: payment::Command) -> Result<(), Refusal> {
        let events = self
            .payments
            .get(&slot)
            .unwrap_or(&Payment::New)
            .decide(command)?;
        self.note_all(events.into_iter().map(|event| Entry::Payment(slot, event)));
        Ok(())
    }

    fn note_all(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            self.note(entry);
        }
    }

    fn note(&mut self, entry: Entry) {
        match &entry {
            Entry::Product(slot, event) => self.products.entry(*slot).or_default().evolve(event),
            Entry::Stock(slot, event) => self.stock.entry(*slot).or_default().evolve(event),
            Entry::Order(slot, event) => self.orders.entry(*slot).or_default().evolve(event),
            Entry::Payment(slot, event) => self.payments.entry(*slot).or_default().evolve(event),
        }
        self.log.push(entry);
    }
}
