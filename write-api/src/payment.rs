//! Payments: `PUT /payment`. An attempt stands in the log before the gateway is asked, and its outcome stands there with
//! the order's completion and the stock's commit.

mod attempt;
pub(crate) mod settle;

use axum::extract::State;
use axum::http::StatusCode;
use domain::Payment;
use domain::card::{Brand, Card, CardNumber, Cvv, DeclineCode, Expiry, Last4, PaymentCard};
use domain::id::{OrderId, PaymentId, UserId};
use domain::payment::Details;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::{Caller, Json, decimal};
use tracing::Instrument as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Answer;
use crate::payment::attempt::Wish;
use crate::refusal::{Refusal, Result};
use crate::shop::{Request, Shop, Shown, by};

pub(crate) fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(pay))
}

/// Which order is paid, and with what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PaymentWish {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// 12 to 19 digits
    #[schema(value_type = String, example = "4242424242424242")]
    card_number: CardNumber,
    /// MM/YY
    #[schema(value_type = String, example = "12/25")]
    card_expiry: Expiry,
    /// 3 digits, or 4
    #[schema(value_type = String, example = "123")]
    card_cvv: Cvv,
}

/// An order's payment.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentBody {
    #[schema(value_type = uuid::Uuid)]
    payment_id: PaymentId,
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// `PAID`; `PENDING` while the gateway's answer is not known
    #[schema(example = "PAID")]
    payment_status: &'static str,
    /// the order's total
    #[schema(value_type = f64, example = 1999.98)]
    amount: Box<RawValue>,
    card: CardBody,
}

/// What is kept of a card.
#[derive(Debug, Serialize, ToSchema)]
struct CardBody {
    #[schema(value_type = String, example = "visa")]
    brand: Brand,
    #[schema(value_type = String, example = "4242")]
    last4: Last4,
}

/// Pay an order
///
/// The amount is the order's total. Said again for a paid order, the answer is the same and nothing is charged. Listed
/// test cards take any well-formed expiry and CVV.
#[utoipa::path(
    put,
    path = "/payment",
    tag = "payment",
    security(("bearer" = [])),
    request_body = PaymentWish,
    responses(
        (status = 200, description = "paid, now or before", body = PaymentBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 202, description = "the gateway's answer is not known yet; until it is, the order can't be changed", body = PaymentBody,
            headers(("ETag" = String), ("Consistency-Token" = String))),
        (status = 401, description = "no access token, or no good one"),
        (status = 402, description = "`payment-declined` with `decline_code` and `payment_status` `FAILED`; the order stays payable"),
        (status = 404, description = "`order-not-found`, also another user's"),
        (status = 422, description = "a value is not what it must be; a bad card is told by its field"),
    )
)]
async fn pay(
    State(shop): State<Shop>,
    caller: Caller,
    request: Request,
    Json(wish): Json<PaymentWish>,
) -> Result<Answer> {
    let PaymentWish {
        order_id,
        card_number,
        card_expiry,
        card_cvv,
    } = wish;
    let card = PaymentCard::new(card_number, card_expiry, card_cvv, shop.clock.now())?;
    let wish = Wish {
        order_id,
        user_id: caller.user_id.into(),
        card: card.card().clone(),
    };
    let paying = attempt::pay(shop, by(Some(&caller), &request), wish);
    // In a task of its own: whoever hangs up leaves no payment half done.
    let paid = tokio::spawn(paying.in_current_span())
        .await
        .map_err(Refusal::broken)??;
    answer(PaymentId::of(order_id), &paid, &caller)
}

fn answer<T>(payment_id: PaymentId, shown: &Shown<Payment, T>, caller: &Caller) -> Result<Answer> {
    let answer = match &*shown.state {
        Payment::Paid { details, .. } => Answer::ok(body(payment_id, details, "PAID")),
        Payment::Attempting { details, .. } => {
            Answer::accepted(body(payment_id, details, "PENDING"))
        }
        Payment::Declined { details, code, .. } => {
            Answer::refused(declined(payment_id, details, *code))
        }
        Payment::New => return Err(Refusal::broken("an attempted payment is none")),
    };
    Ok(answer.of(shown, Some(caller)))
}

fn body(payment_id: PaymentId, details: &Details, payment_status: &'static str) -> PaymentBody {
    let Details {
        order_id,
        user_id,
        amount,
        card: Card { brand, last4 },
    } = details.clone();
    let amount = decimal::from_minor(amount.minor);
    PaymentBody {
        payment_id,
        order_id,
        user_id,
        payment_status,
        amount,
        card: CardBody { brand, last4 },
    }
}

fn declined(payment_id: PaymentId, details: &Details, code: DeclineCode) -> Refusal {
    Refusal::known(StatusCode::PAYMENT_REQUIRED, "payment-declined")
        .detail(format_args!("the card was declined: {code}"))
        .with("decline_code", code)
        .with("payment_status", "FAILED")
        .with("payment_id", payment_id)
        .with("order_id", details.order_id)
}
