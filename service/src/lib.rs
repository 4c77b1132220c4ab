//! What every HTTP process needs: problem+json, callers, settings, health, start and shutdown.

pub mod settings;

pub use settings::{Profile, Secret, Settings};
