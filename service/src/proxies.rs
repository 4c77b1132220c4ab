//! Reverse proxies whose word is taken for whose request they pass on.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

#[cfg(test)]
mod tests;

/// Who passed the request on, as each proxy on the way added it: the right-most is the last one's word.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks that our own proxies are in; none by default. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// This is no list of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be addresses or networks between commas, such as `127.0.0.1,10.0.0.0/8`")]
pub struct NoProxies;

impl TrustedProxies {
    /// Whose request it is that came from `peer` with these headers: `peer`'s own, unless it is a trusted proxy; then
    /// that of the right-most address in `X-Forwarded-For` that is not. What stands left of it anybody may have written.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        self.forwarded(headers).unwrap_or(peer)
    }

    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut last = None;
        for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for entry in value.to_str().ok()?.rsplit(',') {
                let address = address(entry.trim())?;
                last = Some(address);
                if !self.trusts(address) {
                    return last;
                }
            }
        }
        // All of them are ours: the request began at the farthest.
        last
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// One entry: an address, which some proxies write with the port or in brackets.
fn address(entry: &str) -> Option<IpAddr> {
    let bracketed = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(entry).parse().ok().or_else(|| {
        let with_port: std::net::SocketAddr = entry.parse().ok()?;
        Some(with_port.ip())
    });
    address.map(|address: IpAddr| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = NoProxies;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = |entry: &str| {
            let entry = entry.trim();
            match entry.parse::<IpAddr>() {
                Ok(address) => Ok(IpNet::from(address.to_canonical())),
                Err(_) => entry.parse::<IpNet>().map_err(|_| NoProxies),
            }
        };
        text.split(',')
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{network}")?;
        }
        Ok(())
    }
}
