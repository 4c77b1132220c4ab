//! Command handlers: the only crate that decides.
