//! Which addresses are the world's, and which are somebody's inside: a URL that a tenant chose must not reach the latter.
//!
//! By IANA's registries of special purposes, and what lies in them by embedding an IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether it is plainly an address of the public internet.
pub(super) fn is_public(addr: IpAddr) -> bool {
    match addr.to_canonical() {
        IpAddr::V4(addr) => is_public_v4(addr),
        IpAddr::V6(addr) => is_public_v6(addr),
    }
}

fn is_public_v4(addr: Ipv4Addr) -> bool {
    let [a, b, c, d] = addr.octets();
    match a {
        // This network, private, loopback; multicast, reserved, broadcast.
        0 | 10 | 127 | 224.. => false,
        // Carriers' own.
        100 => !(64..128).contains(&b),
        169 => b != 254,
        172 => !(16..32).contains(&b),
        // Protocols, documentation, the relays of 6to4, private.
        192 => !matches!((b, c), (0, 0 | 2) | (88, 99) | (168, _)),
        // Benchmarks, documentation.
        198 => !matches!((b, c), (18 | 19, _) | (51, 100)),
        203 => (b, c) != (0, 113),
        // A cloud's own services, at an address that looks public.
        168 => (b, c, d) != (63, 129, 16),
        _ => true,
    }
}

fn is_public_v6(addr: Ipv6Addr) -> bool {
    let segments = addr.segments();
    match segments {
        // NAT64: whoever needs it reaches the IPv4 address within.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        // Protocols, Teredo among them; documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // 6to4.
        [0x2002, ..] => false,
        // What is given to networks of the world; all else is local, reserved or multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
