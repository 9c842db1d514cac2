//! `sync.webhook_allow`: where webhooks may go although it is inside.

use std::net::IpAddr;

use tidings_model::Network;

use super::address::is_public;

/// What may be reached beyond the public internet: nothing, unless it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    networks: Vec<Network>,
    /// Lower case: whatever addresses they have.
    hosts: Vec<String>,
}

impl Allowed {
    /// Each entry is an address, a network (`10.0.0.0/8`) or the name of a host. The error names the entry.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in entries {
            match entry.parse() {
                Ok(network) => allowed.networks.push(network),
                Err(_) if is_host(entry) => allowed.hosts.push(entry.to_ascii_lowercase()),
                Err(_) => return Err(format!("`{entry}` is no address, network or host; write 10.0.0.1, 10.0.0.0/8 or billing.internal")),
            }
        }
        Ok(allowed)
    }

    /// Whether a connection may go there. `host`: as the URL names it, lower case.
    pub(super) fn admits(&self, host: &str, addr: IpAddr) -> bool {
        is_public(addr)
            || self.networks.iter().any(|network| network.contains(addr.to_canonical()))
            || self.hosts.iter().any(|name| name == host)
    }
}

/// A slip in an address must not become the name of a host: such a name ends in a letter.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.split('.').all(is_label) && text.bytes().last().is_some_and(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
