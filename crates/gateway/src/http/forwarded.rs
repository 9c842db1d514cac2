//! Who is behind a proxy: `X-Forwarded-For`, believed only as far as trusted proxies wrote it.

use std::net::IpAddr;

use tidings_model::Network;

/// `trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Proxies(pub Vec<Network>);

impl Proxies {
    pub fn trusts(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(addr))
    }

    /// The last hop that no trusted proxy vouches for. `hops`: what X-Forwarded-For says, the nearest first.
    pub(crate) fn origin<'a>(&self, peer: IpAddr, hops: impl Iterator<Item = &'a str>) -> IpAddr {
        let mut addr = peer;
        for hop in hops {
            if !self.trusts(addr) {
                break;
            }
            let Some(next) = address(hop) else { break };
            addr = next;
        }
        addr
    }
}

/// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => hop,
    };
    let addr = bare.parse().ok().or_else(|| bare.rsplit_once(':')?.0.parse().ok());
    addr.map(|addr: IpAddr| addr.to_canonical())
}
