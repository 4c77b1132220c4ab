//! Command handlers: the only crate that decides. One file per thing of the shop; [`routers`] and [`reactions`] are the
//! visible lists of what runs.

mod account;
mod answer;
mod clock;
mod gateway;
mod grant;
mod order;
mod passwords;
mod payment;
mod product;
mod reactions;
mod refusal;
mod session;
mod shop;
mod stock;

use service::Service;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use answer::Answer;
pub use clock::{Clock, Ids};
pub use gateway::{Answering, Charge, Gateway, Outcome, SimulatedGateway};
pub use grant::{grant, revoke};
pub use passwords::Passwords;
pub use reactions::reactions;
pub use refusal::Refusal;
pub use shop::Shop;

/// Every command route, by the port that carries it.
#[must_use]
pub fn routers(shop: &Shop) -> Vec<(Service, OpenApiRouter)> {
    routes()
        .map(|(service, routes)| (service, routes.with_state(shop.clone())))
        .into()
}

/// The same routes' pages, for processes that have no shop.
#[must_use]
pub fn documentation() -> Vec<(Service, OpenApi)> {
    routes()
        .map(|(service, routes)| (service, routes.into_openapi()))
        .into()
}

fn routes() -> [(Service, OpenApiRouter<Shop>); 5] {
    [
        (Service::Product, product::routes()),
        (Service::Inventory, stock::routes()),
        (Service::Order, order::routes().merge(session::routes())),
        (Service::User, account::routes().merge(session::routes())),
        (Service::Payment, payment::routes()),
    ]
}
