//! What all handlers of a process share, whichever port they answer on.

use std::sync::Arc;

use crate::{
    Profile, caller::Tokens, consistency::RecentWrites, cursor::CursorKey, health::Readiness,
    limits::RateLimits, proxies::TrustedProxies,
};

/// Shared by all ports of a process; cheap to clone. The extractors need `Common: FromRef<State>`.
#[derive(Clone)]
pub struct Common {
    parts: Arc<Parts>,
    proxies: TrustedProxies,
}

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
        Self {
            parts: Arc::new(Parts {
                profile,
                tokens: Tokens::new(jwt_secret, token_minutes),
                cursors: CursorKey::derive(jwt_secret),
                recent_writes: RecentWrites::default(),
                limits: RateLimits::default(),
                readiness: Readiness::default(),
            }),
            proxies: TrustedProxies::default(),
        }
    }

    /// The same, behind these proxies: what they say of a caller's address is believed.
    #[must_use]
    pub fn behind(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// How strict the shop is.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.parts.profile
    }

    /// Issues and verifies access tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.parts.tokens
    }

    /// Who wrote what a moment ago.
    #[must_use]
    pub fn recent_writes(&self) -> &RecentWrites {
        &self.parts.recent_writes
    }

    /// How often is too often.
    #[must_use]
    pub fn limits(&self) -> &RateLimits {
        &self.parts.limits
    }

    /// Which parts of the process can work.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.parts.readiness
    }

    pub(crate) fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    pub(crate) fn cursors(&self) -> &CursorKey {
        &self.parts.cursors
    }
}
