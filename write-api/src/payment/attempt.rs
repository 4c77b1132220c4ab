//! One attempt to pay: recorded, asked, settled.

use std::time::Duration;

use domain::card::Card;
use domain::id::{AttemptId, OrderId, PaymentId, StockId, UserId};
use domain::order::PaymentState;
use domain::payment::{Command, Details};
use domain::{Order, Payment, Stock, order, payment, stock};
use event_store::{Context, Unit};
use tokio::time::{Instant, timeout};

use crate::gateway::{Charge, Outcome, ask};
use crate::refusal::{Halted, Refusal, Result};
use crate::shop::{Shop, Shown};

/// How often a waiting request looks at the payment without being told; for outcomes that another process records.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Who wants to pay what, and with which card.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) order_id: OrderId,
    pub(super) user_id: UserId,
    pub(super) card: Card,
}

/// How the order was found.
#[derive(Clone, Debug)]
enum Found {
    /// Paid before: nothing to do.
    Paid,
    /// Another attempt is open.
    Busy { attempt_id: AttemptId },
    /// Payable: our attempt is recorded, the gateway is to be asked.
    Payable,
}

/// Pays, or waits for the attempt that is under way. What it returns is paid, declined, or still open.
pub(super) async fn pay(shop: Shop, context: Context, wish: Wish) -> Result<Shown<Payment, ()>> {
    let payment_id = PaymentId::of(wish.order_id);
    let until = Instant::now() + shop.gateway_deadline;
    loop {
        let attempt_id: AttemptId = shop.ids.fresh();
        let wished = wish.clone();
        let begun = shop
            .write::<Payment, _, _>(context.clone(), payment_id, move |unit| {
                begin(unit, &wished, attempt_id)
            })
            .await?;
        match begun.beside {
            Found::Paid => return Ok(begun.alone()),
            Found::Payable => return charge(&shop, context, payment_id, begun.alone()).await,
            Found::Busy { attempt_id } => {
                let shown = wait(&shop, &context, payment_id, attempt_id, until).await?;
                if is_answer(&shown.state, &wish.card, until) {
                    return Ok(shown);
                }
            }
        }
    }
}

/// Asks the gateway about the open attempt and records what it says. Unknown: it stays open.
pub(super) async fn charge(
    shop: &Shop,
    context: Context,
    payment_id: PaymentId,
    shown: Shown<Payment>,
) -> Result<Shown<Payment>> {
    let Payment::Attempting {
        details,
        attempt_id,
    } = &*shown.state
    else {
        return Ok(shown);
    };
    let charge = Charge {
        attempt_id: *attempt_id,
        amount: details.amount,
        card: details.card.clone(),
    };
    match ask(&*shop.gateway, charge, shop.gateway_deadline).await {
        Some(outcome) => settle(shop, context, payment_id, *attempt_id, outcome).await,
        None => Ok(shown),
    }
}

/// How the payment stands now.
pub(super) async fn look(
    shop: &Shop,
    context: Context,
    payment_id: PaymentId,
) -> Result<Shown<Payment>> {
    shop.write::<Payment, _, _>(context, payment_id, |_| Ok(()))
        .await
}

/// Records the attempt with the order's payment-started, where the order is payable.
fn begin(unit: &mut Unit<'_, Refusal>, wish: &Wish, attempt_id: AttemptId) -> Halted<Found> {
    let Wish {
        order_id,
        user_id,
        card,
    } = wish.clone();
    let payment_id = PaymentId::of(order_id);
    match &*unit.get::<Order>(order_id)? {
        Order::Paid { details, .. } if details.user_id == user_id => return Ok(Found::Paid),
        Order::Placed {
            details,
            payment: PaymentState::InProgress { attempt_id },
        } if details.user_id == user_id => {
            return Ok(Found::Busy {
                attempt_id: *attempt_id,
            });
        }
        Order::New | Order::Placed { .. } | Order::Paid { .. } | Order::Cancelled => {}
    }
    let started = order::Command::StartPayment {
        by: user_id,
        payment_id,
        attempt_id,
    };
    let order = unit.decide::<Order>(order_id, started)?;
    let Some(details) = order.details() else {
        return unit.refuse(order::Error::NotFound);
    };
    let attempt = Command::Attempt {
        order_id,
        user_id,
        attempt_id,
        amount: details.total(),
        card,
    };
    unit.decide::<Payment>(payment_id, attempt)?;
    Ok(Found::Payable)
}

/// Records the outcome with all that follows from it, once: an attempt that is no longer open is left alone.
async fn settle(
    shop: &Shop,
    context: Context,
    payment_id: PaymentId,
    attempt_id: AttemptId,
    outcome: Outcome,
) -> Result<Shown<Payment>> {
    let settled = shop
        .write::<Payment, _, _>(context, payment_id, move |unit| {
            let payment = unit.get::<Payment>(payment_id)?;
            match &*payment {
                Payment::Attempting {
                    details,
                    attempt_id: open,
                } if *open == attempt_id => match outcome {
                    Outcome::Approved => approve(unit, payment_id, attempt_id, details),
                    Outcome::Declined(code) => {
                        let failed = order::Command::FailPayment { attempt_id, code };
                        unit.decide::<Order>(details.order_id, failed)?;
                        unit.decide::<Payment>(payment_id, Command::Decline { attempt_id, code })?;
                        Ok(())
                    }
                },
                Payment::New => unit.refuse(payment::Error::NoSuchAttempt),
                Payment::Attempting { .. } | Payment::Declined { .. } | Payment::Paid { .. } => {
                    Ok(())
                }
            }
        })
        .await?;
    shop.settled.notify_waiters();
    Ok(settled)
}

fn approve(
    unit: &mut Unit<'_, Refusal>,
    payment_id: PaymentId,
    attempt_id: AttemptId,
    paid: &Details,
) -> Halted<()> {
    let order_id = paid.order_id;
    let order = unit.decide::<Order>(
        order_id,
        order::Command::Complete {
            payment_id,
            attempt_id,
        },
    )?;
    let Some(details) = order.details() else {
        return unit.refuse(order::Error::NotFound);
    };
    let sold = stock::Command::Commit {
        order_id,
        quantity: details.quantity,
    };
    unit.decide::<Stock>(StockId::of(details.product_id), sold)?;
    unit.decide::<Payment>(payment_id, Command::Succeed { attempt_id })?;
    Ok(())
}

/// Waits until the attempt is no longer open, or as long as it may.
async fn wait(
    shop: &Shop,
    context: &Context,
    payment_id: PaymentId,
    attempt_id: AttemptId,
    until: Instant,
) -> Result<Shown<Payment>> {
    loop {
        let rung = shop.settled.notified();
        tokio::pin!(rung);
        rung.as_mut().enable(); // before looking, so that no ringing is missed
        let shown = look(shop, context.clone(), payment_id).await?;
        let open = matches!(&*shown.state, Payment::Attempting { attempt_id: open, .. } if *open == attempt_id);
        let left = until.saturating_duration_since(Instant::now());
        if !open || left.is_zero() {
            return Ok(shown);
        }
        if timeout(left.min(LOOK_AGAIN), rung).await.is_err() {
            shop.catch_up().await?;
        }
    }
}

/// Whether what became of an attempt that was under way is our answer too: with another card than the declined one we
/// take our own turn, and behind a further attempt that came first we wait again while there is time.
fn is_answer(payment: &Payment, card: &Card, until: Instant) -> bool {
    match payment {
        Payment::New | Payment::Paid { .. } => true,
        Payment::Declined { details, .. } => details.card == *card,
        Payment::Attempting { .. } => Instant::now() >= until,
    }
}
