//! Where a webhook goes.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

use super::Allowed;

/// Bytes of a URL.
const LENGTH_MAX: usize = 2048;

/// An http or https URL without a user, at a host that webhooks may go to as far as its spelling tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Uri);

impl Target {
    /// Errors go on from the field's name. A host's name says nothing yet: its addresses are looked at with each connection.
    pub fn parse(text: &str, allowed: &Allowed) -> Result<Self, String> {
        let target = Self::read(text)?;
        target.check(allowed)?;
        Ok(target)
    }

    /// Wherever it leads.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        uri(text).map(Self)
    }

    /// Whether an address that stands in it is one that webhooks may go to.
    pub(super) fn check(&self, allowed: &Allowed) -> Result<(), String> {
        let host = self.host();
        match host.parse::<IpAddr>() {
            Ok(addr) if !allowed.admits(&host, addr) => {
                Err(format!("names {addr}, which is no public address; sync.webhook_allow may list it"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Lower case, an IPv6 address without its brackets.
    pub(super) fn host(&self) -> String {
        self.0.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase()
    }

    pub(super) fn uri(&self) -> Uri {
        self.0.clone()
    }
}

fn uri(text: &str) -> Result<Uri, String> {
    if text.len() > LENGTH_MAX {
        return Err(format!("is {} bytes, the limit is {LENGTH_MAX}", text.len()));
    }
    let uri: Uri = text.parse().map_err(|_| "must be a URL, like https://example.com/tidings".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://".to_owned());
    }
    let authority = uri.authority().ok_or_else(|| "must name a host".to_owned())?;
    if authority.as_str().contains('@') {
        return Err("must not name a user: the signature tells who calls".to_owned());
    }
    let port = &authority.as_str()[authority.host().len()..];
    if !port.is_empty() && !port[1..].parse::<u16>().is_ok_and(|port| port > 0) {
        return Err("must name a port from 1 to 65535, or none".to_owned());
    }
    if !is_host(authority.host()) {
        return Err("must name a host: a name, an IPv4 address as four numbers, or an IPv6 address in brackets".to_owned());
    }
    Ok(uri)
}

/// What ends in a number is an address to some readers (`127.1`, `0x7f.1`): then it must be one to all.
fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|first: char| first.is_ascii_digit());
    !host.is_empty() && !host.starts_with('.') && (!is_number || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// The path may be a secret: the host is what is said.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host().unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests;
