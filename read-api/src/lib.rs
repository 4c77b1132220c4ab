//! Queries: one file per question.

pub mod at;
pub mod audit;
mod etag;
mod history;
mod inventory;
mod me;
mod notifications;
mod operator;
mod orders;
mod page;
mod payments;
mod price;
mod products;
mod proof;
mod reader;
mod rebuild;

use service::Service;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use reader::Reader;
pub use rebuild::Rebuilds;

/// Every question that can be asked, by the port that it is asked on.
#[must_use]
pub fn routers(reader: &Reader) -> Vec<(Service, OpenApiRouter)> {
    routes()
        .map(|(service, routes)| (service, routes.with_state(reader.clone())))
        .into()
}

/// The same routes' pages, for processes that have no reader.
#[must_use]
pub fn documentation() -> Vec<(Service, OpenApi)> {
    routes()
        .map(|(service, routes)| (service, routes.into_openapi()))
        .into()
}

fn routes() -> [(Service, OpenApiRouter<Reader>); 7] {
    let product = OpenApiRouter::default()
        .routes(routes!(products::list))
        .routes(routes!(products::one))
        .routes(routes!(history::product));
    let inventory = OpenApiRouter::default()
        .routes(routes!(inventory::list))
        .routes(routes!(inventory::one))
        .routes(routes!(history::inventory));
    let order = OpenApiRouter::default()
        .routes(routes!(me::me))
        .routes(routes!(history::me))
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(history::order));
    let user = OpenApiRouter::default()
        .routes(routes!(me::me))
        .routes(routes!(history::me));
    let notification = OpenApiRouter::default().routes(routes!(notifications::list));
    let payment = OpenApiRouter::default()
        .routes(routes!(payments::list))
        .routes(routes!(payments::one))
        .routes(routes!(history::payment));
    let operator = OpenApiRouter::default()
        .routes(routes!(operator::list))
        .routes(routes!(rebuild::begin, rebuild::cancel))
        .routes(routes!(rebuild::go_back, rebuild::drop_previous))
        .routes(routes!(audit::list))
        .routes(routes!(proof::one));
    [
        (Service::Product, product),
        (Service::Inventory, inventory),
        (Service::Order, order),
        (Service::User, user),
        (Service::Notification, notification),
        (Service::Payment, payment),
        (Service::Operator, operator),
    ]
}
