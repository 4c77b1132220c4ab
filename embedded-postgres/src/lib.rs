//! Finds, starts and stops a PostgreSQL server of our own; databases for tests.
//!
//! [`Server::start`] needs nothing but a data directory. In it lie the `lock`, the cluster (`postgres`), the folder of the
//! socket (`run`), the server's log (`postgres.log`) and its programs if they were downloaded (`binaries`). The server ends
//! with its owner, however that one ends.

mod account;
mod binaries;
mod child;
mod cluster;
mod directory;
mod error;
mod join;
mod orphan;
mod port;
mod process;
mod server;
mod settings;
mod socket;
#[cfg(feature = "testing")]
pub mod testing;

pub use directory::reachable_data_dir;
pub use error::Error;
pub use join::{Joined, join};
pub use server::Server;
pub use settings::Settings;

/// The oldest major version that will do.
pub const MINIMUM_MAJOR: u32 = 14;
/// Where the data goes when root's own folders shut PostgreSQL's account out.
pub const SYSTEM_DATA_DIR: &str = "/var/lib/online-mart";
