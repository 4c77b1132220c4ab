//! What every HTTP process needs: problem+json, callers, settings, health, start and shutdown.

pub mod body;
pub mod caller;
pub mod common;
pub mod consistency;
pub mod cursor;
pub mod decimal;
pub mod extract;
mod field;
pub mod health;
pub mod limits;
pub mod metrics;
mod observe;
mod openapi;
pub mod port;
pub mod problem;
pub mod problems;
pub mod proxies;
pub mod server;
pub mod service;
pub mod settings;
pub mod telemetry;
#[cfg(test)]
mod testing;

pub use body::{Form, Json};
pub use caller::{AccessToken, Admin, Caller, Identity, Keeper, MaybeCaller, Tokens};
pub use common::Common;
pub use consistency::{
    CONSISTENCY_TOKEN, ConsistencyToken, Freshness, RecentWrites, Stream, Wrote,
};
pub use cursor::{Cursor, PageLimit, next_link, next_link_by};
pub use extract::{IfMatch, Path, Peer, Query, RequestId};
pub use health::Readiness;
pub use limits::RateLimits;
pub use port::{port, port_of_part};
pub use problem::{FieldError, Problem, Result};
pub use proxies::TrustedProxies;
pub use server::{Signals, serve};
pub use service::Service;
pub use settings::{Profile, Secret, Settings};
