//! The TCP port.

use std::net::{Ipv4Addr, TcpListener};

const TRIES: u16 = 100;

/// `wanted`, or the next one that is free; 0: any.
pub(crate) fn free(wanted: u16) -> u16 {
    let next = (0..TRIES)
        .filter_map(|step| wanted.checked_add(step))
        .find_map(listening_on);
    next.or_else(|| listening_on(0)).unwrap_or(wanted)
}

fn listening_on(port: u16) -> Option<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(listener.local_addr().ok()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let other = free(port);
        assert_ne!(other, port);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, other)).is_ok());
    }
}
