//! A range of addresses, as an operator writes it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    addr: IpAddr,
    prefix: u8,
}

/// Not an address, nor one with a prefix length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNetwork(pub String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no address or network, write 10.0.0.1 or 10.0.0.0/8", self.0)
    }
}

impl std::error::Error for BadNetwork {}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (addr, prefix) = text.split_once('/').map_or((text, None), |(addr, prefix)| (addr, Some(prefix)));
        let addr: IpAddr = addr.parse().map_err(|_| bad())?;
        let whole = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(whole), str::parse).map_err(|_| bad())?;
        if prefix > whole {
            return Err(bad());
        }
        Ok(Self { addr, prefix })
    }
}

impl Network {
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr, addr) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(u128::from(u32::from(ours)) << 96, u128::from(u32::from(theirs)) << 96, self.prefix)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.into(), theirs.into(), self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same(ours: u128, theirs: u128, prefix: u8) -> bool {
    let apart = (ours ^ theirs).leading_zeros();
    apart >= u32::from(prefix)
}

#[cfg(test)]
mod tests;
