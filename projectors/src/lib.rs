//! Read models: one pure fold and its tables each; the runner and the mailer.

mod beside;
mod checkpoint;
mod databases;
mod follower;
pub mod inventory;
pub mod mailer;
pub mod mirror;
pub mod notification;
pub mod orders;
pub mod payment;
pub mod product;
mod progress;
mod projection;
mod quantities;
pub mod rebuild;
pub mod relay;
mod rows;
mod runner;
mod status;
pub mod user;
pub mod verify;

pub use databases::{INVENTORY, NOTIFICATION, ORDER, PAYMENT, PRODUCT, ReadDatabases, USER, check};
pub use follower::parked::{Parked, parked};
pub use mailer::{Mailer, run_mailer};
pub use progress::{Progress, Wanted, Watched};
pub use projection::{ApplyError, Projection, Reason, Refused};
pub use quantities::Quantities;
pub use runner::run;
pub use status::{OrderStatus, PaymentStatus};

/// Every projection there is.
#[must_use]
pub fn projections() -> [&'static dyn Projection; 6] {
    [
        &product::Products,
        &inventory::Inventory,
        &orders::Orders,
        &user::Users,
        &payment::Payments,
        &notification::Notifications,
    ]
}
