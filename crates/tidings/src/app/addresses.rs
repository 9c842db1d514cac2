//! Where the doors really are: printed for people, written for programs.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::telemetry::complain;

/// What is bound, door by door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub devices: SocketAddr,
    pub backend: SocketAddr,
    pub sockets: Option<SocketAddr>,
    pub ice: Option<SocketAddr>,
    /// Which of them speak TLS.
    pub tls: Tls,
    /// A page is at the backend's `/`.
    pub demo: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tls {
    pub devices: bool,
    pub backend: bool,
    pub ice: bool,
}

const fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

const FILE: &str = "addresses.json";

impl Addresses {
    /// Prints a line each and writes DATA/addresses.json, whole or not at all.
    pub(super) fn publish(&self, data: &Path) -> io::Result<()> {
        complain(&format!("devices  {}://{}", scheme(self.tls.devices), reachable(self.devices)));
        complain(&format!("backend  {}://{}", scheme(self.tls.backend), reachable(self.backend)));
        if let Some(sockets) = self.sockets {
            complain(&format!("sockets  {}://{}", scheme(self.tls.backend), reachable(sockets)));
        }
        if let Some(ice) = self.ice {
            complain(&format!("ice      {}", endpoint(reachable(ice), self.tls.ice)));
        }
        if self.demo {
            complain(&format!("demo     {}://{}/", scheme(self.tls.backend), reachable(self.backend)));
        }
        let new = data.join("addresses.json.new");
        fs::write(&new, self.json())?;
        fs::rename(new, data.join(FILE))
    }

    /// At the start, as a crash may have left it, and at the stop.
    pub(super) fn remove(data: &Path) {
        match fs::remove_file(data.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::warn!(%error, "addresses.json could not be removed"),
            Ok(()) | Err(_) => {}
        }
    }

    fn json(&self) -> String {
        let (devices, backend) = (reachable(self.devices), reachable(self.backend));
        let (sockets, ice) = (told(self.sockets), told(self.ice));
        format!("{{\"devices\":\"{devices}\",\"backend\":\"{backend}\",\"sockets\":{sockets},\"ice\":{ice}}}\n")
    }
}

/// As JSON, of a door that may not be there.
fn told(door: Option<SocketAddr>) -> String {
    door.map_or_else(|| "null".to_owned(), |addr| format!("\"{}\"", reachable(addr)))
}

/// As Ice writes it in a proxy.
fn endpoint(addr: SocketAddr, tls: bool) -> String {
    let transport = if tls { "ssl" } else { "tcp" };
    match addr.ip() {
        IpAddr::V4(ip) => format!("{transport} -h {ip} -p {}", addr.port()),
        // Its colons would end the endpoint.
        IpAddr::V6(ip) => format!("{transport} -h \"{ip}\" -p {}", addr.port()),
    }
}

/// An unspecified address is no address to call; the loopback of its family is.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests;
