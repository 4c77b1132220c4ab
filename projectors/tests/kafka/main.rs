//! Is nothing lost, doubled or stuck when projections follow Kafka? On librdkafka's mock brokers.

#[path = "../shop/databases.rs"]
mod databases;
#[path = "../shop/day.rs"]
mod day;
mod following;
mod interleaved;
#[path = "../shop/messages.rs"]
mod messages;
mod mirror;
mod missing;
mod poison;
#[path = "../shop/projecting.rs"]
mod projecting;
mod rebuilt;
#[path = "../shop/recorded.rs"]
mod recorded;
mod running;
