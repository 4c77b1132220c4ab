//! What all handlers of a process share, whichever port they answer on.

use std::sync::Arc;

use crate::{
    Profile, caller::Tokens, consistency::RecentWrites, cursor::CursorKey, health::Readiness,
    limits::RateLimits,
};

/// Shared by all ports of a process; cheap to clone. The extractors need `Common: FromRef<State>`.
#[derive(Clone)]
pub struct Common(Arc<Parts>);

struct Parts {
    profile: Profile,
    tokens: Tokens,
    cursors: CursorKey,
    recent_writes: RecentWrites,
    limits: RateLimits,
    readiness: Readiness,
}

impl Common {
    /// With the key of the access tokens, which live `token_minutes`.
    #[must_use]
    pub fn new(profile: Profile, jwt_secret: &[u8], token_minutes: u32) -> Self {
        Self(Arc::new(Parts {
            profile,
            tokens: Tokens::new(jwt_secret, token_minutes),
            cursors: CursorKey::derive(jwt_secret),
            recent_writes: RecentWrites::default(),
            limits: RateLimits::default(),
            readiness: Readiness::default(),
        }))
    }

    /// How strict the shop is.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.0.profile
    }

    /// Issues and verifies access tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Who wrote what a moment ago.
    #[must_use]
    pub fn recent_writes(&self) -> &RecentWrites {
        &self.0.recent_writes
    }

    /// How often is too often.
    #[must_use]
    pub fn limits(&self) -> &RateLimits {
        &self.0.limits
    }

    /// Which parts of the process can work.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    pub(crate) fn cursors(&self) -> &CursorKey {
        &self.0.cursors
    }
}
