//! The embedded server as its users meet it: started, killed, started again, refused.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod accounts;
#[cfg(feature = "testing")]
mod databases;
mod downloads;
mod leftovers;
mod lives;
mod refusals;
#[cfg(feature = "testing")]
mod supervision;
mod workplace;
