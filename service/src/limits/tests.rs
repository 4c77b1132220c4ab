use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::response::IntoResponse;

use super::{Buckets, PRUNED_ABOVE, RateLimits};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn wait(refusal: crate::Problem) -> u64 {
    assert_eq!(refusal.status(), 429);
    refusal.into_response().headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn sixty_may_register_at_once_then_one_a_second() {
    let registrations = Buckets::new(60, Duration::from_secs(1));
    let start = Instant::now();
    for _ in 0..60 {
        registrations.take(&1, start).unwrap();
    }
    assert_eq!(wait(registrations.take(&1, start).unwrap_err()), 1);
    registrations.take(&2, start).unwrap();
    let later = start + Duration::from_secs(1);
    registrations.take(&1, later).unwrap();
    assert_eq!(wait(registrations.take(&1, later).unwrap_err()), 1);
    let much_later = start + Duration::from_hours(1);
    for _ in 0..60 {
        registrations.take(&1, much_later).unwrap();
    }
    registrations.take(&1, much_later).unwrap_err();
}

#[test]
fn ten_wrong_passwords_a_minute_and_right_ones_count_for_nothing() {
    let limits = RateLimits::default();
    for _ in 0..100 {
        limits.login("alice").unwrap();
    }
    for _ in 0..10 {
        limits.login("alice").unwrap();
        limits.login_failed("alice");
    }
    let seconds = wait(limits.login("alice").unwrap_err());
    assert!((1..=6).contains(&seconds), "{seconds}");
    limits.login("bob").unwrap();
}

#[test]
fn failures_beyond_the_limit_do_not_lock_out_for_longer() {
    let logins = Buckets::new(10, Duration::from_secs(6));
    let start = Instant::now();
    for _ in 0..500 {
        let _ = logins.take(&"alice", start);
    }
    assert_eq!(wait(logins.check(&"alice", start).unwrap_err()), 6);
    logins
        .check(&"alice", start + Duration::from_secs(6))
        .unwrap();
}

#[test]
fn nobody_is_sent_away_for_more_than_ten_seconds() {
    let slow = Buckets::new(1, Duration::from_hours(1));
    let start = Instant::now();
    slow.take(&1, start).unwrap();
    assert_eq!(wait(slow.take(&1, start).unwrap_err()), 10);
}

#[test]
fn a_network_of_ipv6_is_one_caller() {
    let limits = RateLimits::default();
    for host in 0..60 {
        limits
            .register(address(&format!("2001:db8::{host:x}")))
            .unwrap();
    }
    limits.register(address("2001:db8::ffff")).unwrap_err();
    limits.register(address("2001:db8:0:1::1")).unwrap();
    for host in 0..60 {
        limits
            .register(address(&format!("::ffff:10.0.0.{host}")))
            .unwrap();
    }
    limits.register(address("10.0.0.1")).unwrap();
}

#[test]
fn full_buckets_are_thrown_away() {
    let buckets = Buckets::new(1, Duration::from_secs(1));
    let start = Instant::now();
    for key in 0..=PRUNED_ABOVE {
        buckets.take(&key, start).unwrap();
    }
    buckets
        .take(&"later", start + Duration::from_secs(2))
        .unwrap();
    assert_eq!(buckets.full_at.lock().unwrap().len(), 1);
}
