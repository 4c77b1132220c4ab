//! One buyer's commands, in an order that chance decides.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use service::Service;
use tokio::time::{Instant, sleep_until};

use super::{Load, PRODUCTS, Promised, id, order, payment, told};

/// One buyer's part of the commands.
pub(super) struct Shift<'a> {
    pub(super) load: &'a Load,
    pub(super) token: &'a str,
    pub(super) random: StdRng,
    /// Orders of this shift that are neither paid nor cancelled.
    pub(super) open: Vec<String>,
    pub(super) promised: Promised,
}

impl Shift<'_> {
    pub(super) async fn work(
        mut self,
        turns: impl Iterator<Item = usize>,
        start: Instant,
        a_second: u32,
    ) -> Promised {
        for turn in turns {
            let turn = u32::try_from(turn).expect("not that many");
            sleep_until(start + Duration::from_secs(1) * turn / a_second).await;
            self.command(turn).await;
            self.promised.commands += 1;
        }
        self.promised
    }

    async fn command(&mut self, turn: u32) {
        let load = self.load;
        let goods = &load.shelves[self.random.random_range(0..PRODUCTS)];
        let dice = self.random.random_range(0..100);
        match dice {
            0..25 if !self.open.is_empty() => self.pay().await,
            25..38 if !self.open.is_empty() => self.change().await,
            38..46 if !self.open.is_empty() => self.cancel().await,
            46..52 => {
                let path = format!("/inventory/{}/adjustment", goods.inventory);
                let request = load
                    .client
                    .post(load.url(Service::Inventory, &path))
                    .json(&json!({"by": self.random.random_range(1..10), "reason": "found"}));
                told(request, 200).await;
            }
            52..56 => {
                let price = f64::from(self.random.random_range(100..10_000)) / 100.0;
                let product =
                    json!({"name": format!("Thing {turn}"), "description": "", "price": price});
                let request = load
                    .client
                    .put(load.url(Service::Product, &format!("/product/{}", goods.product)))
                    .json(&product);
                told(request, 200).await;
            }
            56..58 => {
                let product = load.product(turn as usize).await;
                self.promised.products.insert(product);
            }
            _ if turn % 700 == 350 => {
                let (_, user) = load.register().await;
                self.promised.users.insert(user);
            }
            _ => self.place(&goods.product).await,
        }
    }

    async fn place(&mut self, product: &str) {
        let request = self
            .load
            .client
            .post(self.load.url(Service::Order, &format!("/order/{product}")))
            .bearer_auth(self.token)
            .json(&order(self.random.random_range(1..4)));
        let order = id(&told(request, 201).await.0, "order_id");
        self.promised.orders.insert(order.clone());
        self.open.push(order);
    }

    fn any_open(&mut self) -> usize {
        self.random.random_range(0..self.open.len())
    }

    async fn pay(&mut self) {
        let order = self.any_open();
        let order = self.open.swap_remove(order);
        let request = self
            .load
            .client
            .put(self.load.url(Service::Payment, "/payment"))
            .bearer_auth(self.token)
            .json(&payment(&order));
        let payment = id(&told(request, 200).await.0, "payment_id");
        self.promised.payments.insert(payment);
    }

    async fn change(&mut self) {
        let place = self.any_open();
        let path = format!("/order/{}", self.open[place]);
        let request = self
            .load
            .client
            .put(self.load.url(Service::Order, &path))
            .bearer_auth(self.token)
            .json(&order(self.random.random_range(1..9)));
        told(request, 200).await;
    }

    async fn cancel(&mut self) {
        let order = self.any_open();
        let order = self.open.swap_remove(order);
        let request = self
            .load
            .client
            .delete(self.load.url(Service::Order, &format!("/order/{order}")))
            .bearer_auth(self.token);
        told(request, 204).await;
    }
}
