//! Is the log the truth? Read models are made anew from it unnoticed, mended and restored from it, and nobody changes it
//! unseen. The real program, its command line, its databases.

mod corrupted;
#[path = "../shop/customer.rs"]
#[expect(dead_code, reason = "the shop's tests ask for more")]
mod customer;
mod exported;
mod killed;
mod load;
#[path = "../shop/program.rs"]
#[expect(dead_code, reason = "the shop's tests do more to a program")]
mod program;
mod rebuilt;
mod restored;
mod scene;
#[path = "../../../projectors/tests/shop/smtp.rs"]
#[expect(
    dead_code,
    reason = "the projectors' tests have it misbehave in more ways"
)]
mod smtp;
mod tables;
mod tampered;

/// Customers here are of the program itself.
mod house {
    pub use crate::program::Program as House;
}
