//! Does compose.yml hold what the README says of it? There is no container here: the file is read, and each of our services
//! is run by this machine with exactly its command and environment.
//!
//! Each service has a loopback address of its own, so that all ports stay as they are. Names of services become addresses.

#[path = "../mirror/broker.rs"]
#[expect(dead_code, reason = "the mirror's tests do more to their brokers")]
mod broker;
#[path = "../mirror/children.rs"]
mod children;
mod file;
mod health;
mod image;
mod native;
mod promises;
#[path = "../common/readme.rs"]
mod readme;
#[path = "../common/shell.rs"]
mod shell;
#[path = "../../../projectors/tests/shop/smtp.rs"]
#[expect(
    dead_code,
    reason = "the projectors' tests have it misbehave in more ways"
)]
mod smtp;
mod walkthrough;
