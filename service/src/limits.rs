//! How often is too often: registrations of an address, failed logins of an account.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::problem::{Problem, Result};

#[cfg(test)]
mod tests;

/// No caller is sent away for longer.
const LONGEST_WAIT: u64 = 10;

/// Buckets are looked through for full ones when there are so many.
const PRUNED_ABOVE: usize = 10_000;

/// The shop's rate limits. One for the process: login is on two ports.
pub struct RateLimits {
    registrations: Buckets,
    failed_logins: Buckets,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            registrations: Buckets::new(60, Duration::from_secs(1)),
            failed_logins: Buckets::new(10, Duration::from_secs(6)),
        }
    }
}

impl RateLimits {
    /// Counts a registration from this address (60 at once, then one a second); too many is a 429.
    pub fn register(&self, address: IpAddr) -> Result<()> {
        self.registrations.take(&network(address), Instant::now())
    }

    /// Whether this account may try to log in; refused after 10 failures, of which one is forgiven every 6 seconds.
    /// To be asked before the password is checked, so that a right guess tells nothing either.
    pub fn login(&self, normalised_name: &str) -> Result<()> {
        self.failed_logins.check(&normalised_name, Instant::now())
    }

    /// Counts a wrong password for this account.
    pub fn login_failed(&self, normalised_name: &str) {
        // Whether this was one too many is told to the next attempt.
        let _ = self.failed_logins.take(&normalised_name, Instant::now());
    }
}

/// One caller of IPv6 has a whole /64 to choose addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A bucket per key that holds `burst` and refills by one every `refill` (the generic cell rate algorithm).
struct Buckets {
    burst: u32,
    refill: Duration,
    hasher: RandomState,
    /// When each bucket will be full again. Keyed by hash: names are not kept.
    full_at: Mutex<HashMap<u64, Instant>>,
}

impl Buckets {
    fn new(burst: u32, refill: Duration) -> Self {
        Self {
            burst,
            refill,
            hasher: RandomState::new(),
            full_at: Mutex::default(),
        }
    }

    fn check<K: Hash>(&self, key: &K, now: Instant) -> Result<()> {
        let full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let known = full_at.get(&self.hasher.hash_one(key)).copied();
        self.room(known.unwrap_or(now).max(now), now)
    }

    fn take<K: Hash>(&self, key: &K, now: Instant) -> Result<()> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > PRUNED_ABOVE {
            full_at.retain(|_, full_at| *full_at > now);
        }
        let entry = full_at.entry(self.hasher.hash_one(key)).or_insert(now);
        let start = (*entry).max(now);
        self.room(start, now)?;
        *entry = start + self.refill;
        Ok(())
    }

    /// Is there at least one left in a bucket that is full again at `full_at`?
    fn room(&self, full_at: Instant, now: Instant) -> Result<()> {
        let missing = full_at.saturating_duration_since(now) + self.refill;
        match missing.checked_sub(self.refill * self.burst) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                let seconds = wait
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(LONGEST_WAIT);
                Err(Problem::too_many(seconds.min(LONGEST_WAIT)))
            }
        }
    }
}
