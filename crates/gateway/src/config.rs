//! What a door can be told: addresses, path, limits. Ping and upgrade timings are its sessions' affair.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Certificate;
use crate::http::{Cors, Guard, Proxies, Site};

#[derive(Clone, Debug)]
pub struct Config {
    /// At least one. A later address with port 0 takes the port that the first one got.
    pub bind: Vec<SocketAddr>,
    /// Of Engine.IO; slashes at both ends are added where they are missing. A house is told which of them was asked for.
    pub paths: Vec<String>,
    /// Bytes of a POST body and of a WebSocket message.
    pub max_http_buffer: usize,
    pub cors: Cors,
    pub trusted_proxies: Proxies,
    /// TLS on every address; None: plain.
    pub certificate: Option<Certificate>,
    /// Who may ask at all, judged by a head. None: anybody.
    pub guard: Option<Guard>,
    /// Requests outside of `paths` go to the house; else they are answered 404.
    pub visits: bool,
    /// None: what the open-file limit allows, less 512.
    pub max_connections: Option<usize>,
    /// Of one address; a trusted proxy has as many as it likes. None: no limit.
    pub connections_per_address: Option<u32>,
    /// How long a peer may leave bytes unacknowledged: pingInterval + pingTimeout.
    pub patience: Duration,
    pub deadlines: Deadlines,
}

/// What a connection may take its time for.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// A request's head, from its first byte (or the accept) on.
    pub head: Duration,
    /// A POST's body, from its head on.
    pub body: Duration,
    /// Between requests; balancers keep theirs for 60 s.
    pub idle: Duration,
    /// The rest of an answer or of last words that the peer does not read.
    pub sending: Duration,
    /// Our FIN is out: for so long what still comes is read, so that no RST overtakes what we said.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(75),
            sending: Duration::from_secs(75),
            linger: Duration::from_secs(2),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: vec![SocketAddr::from(([127, 0, 0, 1], 5000))],
            paths: vec!["/socket.io/".to_owned()],
            max_http_buffer: 1_000_000,
            cors: Cors::Any,
            trusted_proxies: Proxies::default(),
            certificate: None,
            guard: None,
            visits: false,
            max_connections: None,
            connections_per_address: None,
            patience: Duration::from_secs(45),
            deadlines: Deadlines::default(),
        }
    }
}

/// File descriptors left to the rest of the process.
const SPARE_FILES: u64 = 512;

impl Config {
    pub(crate) fn site(&self) -> Site {
        Site {
            paths: self.paths.iter().map(|path| format!("/{}/", path.trim_matches('/')).replace("//", "/")).collect(),
            cors: self.cors.clone(),
            proxies: self.trusted_proxies.clone(),
            guard: self.guard.clone(),
            visits: self.visits,
            body_max: self.max_http_buffer,
        }
    }

    pub(crate) fn connections_max(&self) -> usize {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let room = limit.map_or(usize::MAX, |files| usize::try_from(files.saturating_sub(SPARE_FILES).max(1)).unwrap_or(usize::MAX));
        self.max_connections.map_or(room, |most| most.min(room))
    }
}
