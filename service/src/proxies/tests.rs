use axum::http::{HeaderMap, HeaderValue};

use super::{NoProxies, TrustedProxies, X_FORWARDED_FOR};

/// Whose request it is that came from `peer` with these `X-Forwarded-For` headers, where 10.0.0.0/8 and `::1` are ours.
fn caller(peer: &str, forwarded: &[&str]) -> String {
    let proxies: TrustedProxies = "10.0.0.0/8, ::1".parse().expect("networks");
    let mut headers = HeaderMap::new();
    for value in forwarded {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        headers.append(X_FORWARDED_FOR, value);
    }
    let peer = peer.parse().expect("an address");
    proxies.caller(peer, &headers).to_string()
}

#[test]
fn a_trusted_proxy_says_whose_request_it_is() {
    assert_eq!(caller("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
    assert_eq!(caller("::1", &["2001:db8::7"]), "2001:db8::7");
}

#[test]
fn nobody_else_is_believed() {
    assert_eq!(caller("192.0.2.1", &["203.0.113.7"]), "192.0.2.1");
    let nobody = TrustedProxies::default();
    let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_static("1.2.3.4"))]);
    let peer = "127.0.0.1".parse().unwrap();
    assert_eq!(nobody.caller(peer, &headers), peer);
}

#[test]
fn what_the_caller_made_up_stands_left_and_is_ignored() {
    assert_eq!(caller("10.0.0.1", &["1.2.3.4, 203.0.113.7"]), "203.0.113.7");
    assert_eq!(caller("10.0.0.1", &["nonsense,203.0.113.7"]), "203.0.113.7");
    assert_eq!(
        caller("10.0.0.1", &["1.2.3.4", "203.0.113.7"]),
        "203.0.113.7"
    );
    assert_eq!(
        caller("10.0.0.1", &["1.2.3.4, 203.0.113.7, 10.9.9.9"]),
        "203.0.113.7",
        "through two proxies of ours"
    );
}

#[test]
fn a_header_that_says_nothing_leaves_the_peers_own_address() {
    for forwarded in [
        &[][..],
        &[""],
        &["nonsense"],
        &["203.0.113.7, nonsense"],
        &["203.0.113.7,"],
        &["203.0.113.7", "\u{e4}"],
    ] {
        assert_eq!(caller("10.0.0.1", forwarded), "10.0.0.1", "{forwarded:?}");
    }
}

#[test]
fn a_request_of_a_proxy_of_ours_is_the_farthest_ones() {
    assert_eq!(caller("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
}

#[test]
fn an_entry_may_have_a_port_or_brackets_or_be_an_old_address_in_the_new_form() {
    for (entry, read) in [
        ("203.0.113.7:5000", "203.0.113.7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:5000", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7"),
    ] {
        assert_eq!(caller("10.0.0.1", &[entry]), read, "{entry}");
    }
}

#[test]
fn the_list_is_addresses_and_networks() {
    let read = |text: &str| text.parse::<TrustedProxies>().map(|list| list.to_string());
    assert_eq!(
        read("127.0.0.1, 10.0.0.0/8,::1").as_deref(),
        Ok("127.0.0.1/32,10.0.0.0/8,::1/128")
    );
    for text in [
        "",
        ",",
        "proxy",
        "10.0.0.0/33",
        "127.0.0.1,",
        "10.0.0.0-10.0.0.9",
    ] {
        assert_eq!(read(text), Err(NoProxies), "{text}");
    }
}
