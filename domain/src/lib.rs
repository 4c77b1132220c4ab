//! The rules of the shop: aggregates, their commands, events and refusals. No I/O, no clock, no randomness.
