//! The backend's Socket.IO listener: the gateway in another role.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tidings_api::{Exposed, PageEvents, keyless_admits};
use tidings_engineio::Settings;
use tidings_gateway::http::{Cors, Guard, Provenance};
use tidings_gateway::{Certificate, Gateway, StartError as Gateways, WorkerDied, inbox};

use crate::house::{Pages, Session};

/// As for the backend's HTTP: backends keep few.
const CONNECTIONS_MAX: usize = 4096;

/// What the door is built from.
#[derive(Clone, Debug)]
pub struct Config {
    pub bind: SocketAddr,
    pub engine: Settings,
    /// How long a client may take to join `/backend`.
    pub connect_timeout: Duration,
    /// Bytes of one request's body and of one WebSocket message.
    pub max_http_buffer: usize,
    /// TLS; None: plain.
    pub certificate: Option<Certificate>,
}

impl Config {
    /// `keyed`: calls need a key.
    pub fn check(&self, keyed: bool) -> Result<(), StartError> {
        Exposed::check(self.bind, keyed, "127.0.0.1:5002").map_err(StartError::Keyless)
    }

    fn gateway(&self, events: PageEvents) -> tidings_gateway::Config {
        tidings_gateway::Config {
            bind: vec![self.bind],
            max_http_buffer: self.max_http_buffer,
            max_connections: Some(CONNECTIONS_MAX),
            // Without keys the guard lets no other origin in anyway; with keys a page shows one, and nothing is sent by itself.
            cors: Cors::Any,
            guard: Some(Guard::new(move |from: &Provenance<'_>| !events.are_keyless() || admits(from))),
            certificate: self.certificate.clone(),
            patience: self.engine.ping_interval + self.engine.ping_timeout,
            ..tidings_gateway::Config::default()
        }
    }
}

/// As for the backend's HTTP: health may be asked for from anywhere, by a loopback name.
fn admits(from: &Provenance<'_>) -> bool {
    let (origins, sites): (&[&str], &[&str]) = if from.health { (&[], &[]) } else { (&from.origins, &from.sites) };
    keyless_admits(from.host, origins.iter().copied(), sites.iter().copied()).is_ok()
}

/// Why the door did not open.
#[derive(Debug)]
pub enum StartError {
    Keyless(Exposed),
    Gateway(Gateways),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyless(exposed) => exposed.fmt(f),
            Self::Gateway(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// The open door. It owns its thread; dropped, it ends at once.
pub struct SocketDoor(Gateway<Session>);

/// Binds and serves.
pub fn start(config: &Config, events: PageEvents) -> Result<SocketDoor, StartError> {
    config.check(!events.are_keyless())?;
    let (mail, mailbox) = inbox().map_err(|error| StartError::Gateway(Gateways::System(error)))?;
    let gateway = config.gateway(events.clone());
    let house = Pages::new(config.engine.clone(), config.connect_timeout, events, mail);
    let gateway = Gateway::start(&gateway, vec![(house, mailbox)]).map_err(StartError::Gateway)?;
    Ok(SocketDoor(gateway))
}

impl SocketDoor {
    /// Where it really listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// The worker has ended by itself.
    pub fn has_died(&self) -> bool {
        self.0.has_died()
    }

    /// Closes the listener at once; clients are let go when what they called for is answered, at the latest after `patience`.
    pub fn stop(&self, patience: Duration) {
        self.0.stop(patience);
    }

    /// Waits for the end.
    pub fn join(self) -> Result<(), WorkerDied> {
        self.0.join()
    }
}
