//! The log: append, load, read by position, subscribe; the one mapping from stored event to published message.
