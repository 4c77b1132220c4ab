//! A shop's history, another one for each seed.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::recorded::{Entry, adjusted, created, opened, registered};

/// What has happened so far, and what may happen next.
pub struct History {
    state: u64,
    ids: u128,
    sequences: HashMap<Uuid, i64>,
    users: Vec<Uuid>,
    shelves: Vec<Shelf>,
    orders: Vec<Order>,
}

#[derive(Clone, Copy)]
struct Shelf {
    product: Uuid,
    stock: Uuid,
    gone: bool,
}

#[derive(Clone, Copy)]
struct Order {
    id: Uuid,
    user: Uuid,
    stock: Uuid,
    quantity: i64,
    payment: Option<Uuid>,
}

impl History {
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(2).wrapping_add(1),
            ids: 0,
            sequences: HashMap::new(),
            users: Vec::new(),
            shelves: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// At least so many events that follow what has happened.
    pub fn goes_on(&mut self, events: usize) -> Vec<Entry> {
        let mut told = Vec::new();
        while told.len() < events {
            match self.dice(12) {
                0 => self.user(&mut told),
                1 | 2 => self.shelf(&mut told),
                3 => self.renamed(&mut told),
                4 if self.dice(4) == 0 => self.gone(&mut told),
                5..8 => self.placed(&mut told),
                8 => self.cancelled(&mut told),
                9 => self.declined(&mut told),
                10 => self.paid(&mut told),
                _ => self.delivered(&mut told),
            }
        }
        told
    }

    fn user(&mut self, told: &mut Vec<Entry>) {
        let user = self.id();
        self.sequences.insert(user, 1);
        told.push(registered(user, &format!("user{}", self.ids)));
        self.users.push(user);
        if self.dice(3) == 0 {
            self.say(
                told,
                "account",
                user,
                json!({"role-granted": {"role": "admin"}}),
            );
        }
    }

    fn shelf(&mut self, told: &mut Vec<Entry>) {
        let (product, stock) = (self.id(), self.id());
        self.sequences.extend([(product, 1), (stock, 1)]);
        told.push(created(product));
        told.push(opened(stock, product, 1_000));
        self.shelves.push(Shelf {
            product,
            stock,
            gone: false,
        });
    }

    fn renamed(&mut self, told: &mut Vec<Entry>) {
        let Some(place) = self.any_shelf() else {
            return;
        };
        let name = format!("Lamp {}", self.dice(100));
        let price = json!({"minor": 1 + self.dice(9_999), "currency": "USD"});
        let changed =
            json!({"name": name, "description": "", "price": price, "offered": self.dice(3) > 0});
        self.say(told, "product", place.product, json!({"changed": changed}));
    }

    fn gone(&mut self, told: &mut Vec<Entry>) {
        let Some(place) = self.any_shelf() else {
            return;
        };
        self.say(told, "product", place.product, json!({"deleted": {}}));
        self.say(told, "stock", place.stock, json!({"retired": {}}));
        let product = place.product;
        for place in &mut self.shelves {
            place.gone |= place.product == product;
        }
    }

    fn placed(&mut self, told: &mut Vec<Entry>) {
        let (Some(place), Some(user)) = (self.any_shelf(), self.any_user()) else {
            return;
        };
        let (order, quantity) = (self.id(), 1 + self.dice(3));
        let placed = json!({
            "product_id": place.product, "user_id": user, "quantity": quantity, "shipping_address": "1 High Street",
            "customer_notes": null, "unit_price": {"minor": 1_999, "currency": "USD"}, "at": "2026-01-02T03:04:05Z",
        });
        self.say(told, "order", order, json!({"placed": placed}));
        let reserved = json!({"order_id": order, "quantity": quantity});
        self.say(told, "stock", place.stock, json!({"reserved": reserved}));
        self.orders.push(Order {
            id: order,
            user,
            stock: place.stock,
            quantity,
            payment: None,
        });
    }

    fn cancelled(&mut self, told: &mut Vec<Entry>) {
        let Some(order) = self.any_order() else {
            return;
        };
        self.say(told, "order", order.id, json!({"cancelled": {}}));
        let released = json!({"order_id": order.id, "quantity": order.quantity});
        self.say(told, "stock", order.stock, json!({"released": released}));
        self.orders.retain(|other| other.id != order.id);
    }

    fn declined(&mut self, told: &mut Vec<Entry>) {
        let Some((order, payment, attempt)) = self.attempted(told) else {
            return;
        };
        let code = json!({"attempt_id": attempt, "code": "expired_card"});
        self.say(told, "payment", payment, json!({"declined": code}));
        self.say(told, "order", order.id, json!({"payment-failed": code}));
    }

    fn paid(&mut self, told: &mut Vec<Entry>) {
        let Some((order, payment, attempt)) = self.attempted(told) else {
            return;
        };
        self.say(
            told,
            "payment",
            payment,
            json!({"succeeded": {"attempt_id": attempt}}),
        );
        let completed = json!({"payment_id": payment, "attempt_id": attempt});
        self.say(told, "order", order.id, json!({"completed": completed}));
        let committed = json!({"order_id": order.id, "quantity": order.quantity});
        self.say(told, "stock", order.stock, json!({"committed": committed}));
        self.orders.retain(|other| other.id != order.id);
    }

    fn attempted(&mut self, told: &mut Vec<Entry>) -> Option<(Order, Uuid, Uuid)> {
        let order = self.any_order()?;
        let payment = order.payment.unwrap_or_else(|| self.id());
        for known in &mut self.orders {
            if known.id == order.id {
                known.payment = Some(payment);
            }
        }
        let attempt = self.id();
        let started = json!({"payment_id": payment, "attempt_id": attempt});
        self.say(told, "order", order.id, json!({"payment-started": started}));
        let amount = json!({"minor": 1_999 * order.quantity, "currency": "USD"});
        let attempted = json!({
            "order_id": order.id, "user_id": order.user, "attempt_id": attempt, "amount": amount,
            "card": {"brand": "visa", "last4": "4242"},
        });
        self.say(told, "payment", payment, json!({"attempted": attempted}));
        Some((order, payment, attempt))
    }

    fn delivered(&mut self, told: &mut Vec<Entry>) {
        if let Some(place) = self.any_shelf() {
            let next = self.sequence(place.stock);
            told.push(adjusted(place.stock, next, 7));
        }
    }

    fn say(&mut self, told: &mut Vec<Entry>, aggregate_type: &'static str, id: Uuid, event: Value) {
        let sequence = self.sequence(id);
        told.push((aggregate_type, id, sequence, event));
    }

    fn sequence(&mut self, id: Uuid) -> i64 {
        let sequence = self.sequences.entry(id).or_default();
        *sequence += 1;
        *sequence
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn any_user(&mut self) -> Option<Uuid> {
        let users = self.users.clone();
        self.any(&users)
    }

    fn any_shelf(&mut self) -> Option<Shelf> {
        let open: Vec<_> = self.shelves.iter().filter(|s| !s.gone).copied().collect();
        self.any(&open)
    }

    fn any_order(&mut self) -> Option<Order> {
        let orders = self.orders.clone();
        self.any(&orders)
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let count = i64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        let chosen = usize::try_from(self.dice(count)).ok()?;
        of.get(chosen).copied()
    }

    /// From 0 to below `sides`.
    fn dice(&mut self, sides: i64) -> i64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        i64::try_from(self.state >> 8).map_or(0, |number| number % sides)
    }
}
