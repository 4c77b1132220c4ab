//! Does the mirror hold what it promises? A real Kafka, the real program in several processes, and faults.
//!
//! Each test has a broker of its own, started by `.ci/kafka/kafka.sh`: Linux, Java 17 and, the first time, Maven.

mod away;
mod broker;
mod chaos;
mod children;
mod databases;
mod front;
mod goodbye;
mod lease;
mod load;
mod losses;
mod mirrored;
mod poison;
mod process;
mod read_models;
#[path = "../common/readme.rs"]
mod readme;
mod rebalance;
mod records;
mod republish;
mod shop;
mod smoke;
#[path = "../../../projectors/tests/shop/smtp.rs"]
#[expect(
    dead_code,
    reason = "the projectors' tests have it misbehave in more ways"
)]
mod smtp;
mod topics;
mod walkthrough;
