//! Is every event sealed, and is every change of what was sealed found?

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod files;
mod proofs;
mod sealing;
mod shop;
mod tampering;
