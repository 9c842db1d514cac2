//! The server: every room built from its Config, run, and drained in reverse.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidings_api::Backend;
use tidings_store::{FatalWatch, OpenError, Owner, Store};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use crate::config::Config;

mod addresses;
mod files;
mod signals;

use addresses::Addresses;
use signals::Signals;

/// A running server.
pub(crate) struct App {
    signals: Signals,
    fatal: FatalWatch,
    rooms: Rooms,
}

/// What is stopped, in this order.
struct Rooms {
    backend: Option<Backend>,
    owner: Option<Owner>,
    data: PathBuf,
    /// How long that may take.
    patience: Duration,
}

/// Why the server did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    Store(OpenError),
    Backend(tidings_api::StartError),
    System { doing: &'static str, error: std::io::Error },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Backend(error) => write!(f, "{error}{}", advice(error)),
            Self::System { doing, error } => write!(f, "{doing} failed: {error}"),
        }
    }
}

/// Who usually holds a port, and the flag that changes it.
fn advice(error: &tidings_api::StartError) -> String {
    match error {
        tidings_api::StartError::Bind { bind, error } if error.kind() == std::io::ErrorKind::AddrInUse => in_use(*bind, "--backend"),
        tidings_api::StartError::Bind { .. } | tidings_api::StartError::Keyless { .. } => String::new(),
    }
}

fn in_use(bind: SocketAddr, flag: &str) -> String {
    let holder = if bind.port() == 5000 { "AirPlay on a Mac" } else { "another tidings" };
    format!("; usually it is {holder} that holds port {}; choose another one with {flag} {}:PORT", bind.port(), bind.ip())
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As asked.
    Stopped,
    /// As asked, but something did not end in time: nothing more may be waited for.
    Late,
    /// A second signal: at once.
    Forced,
    /// The store stopped itself, or could not be flushed.
    Broken(String),
}

impl App {
    /// Opens the store, then the doors; returns when all is bound and the addresses are written.
    pub(crate) async fn start(config: &Config, accept_clock: bool) -> Result<Self, StartError> {
        // First: a signal during the start must not kill what is half open.
        let signals = Signals::install().map_err(|error| StartError::System { doing: "listening to signals", error })?;
        files::raise_limit();
        let (store, owner) = open_store(config, accept_clock).map_err(StartError::Store)?;
        Addresses::remove(&config.data);
        let backend = Backend::start(&config.backend_door(), store).map_err(StartError::Backend)?;
        let addresses = Addresses { devices: None, backend: backend.addr() };
        addresses.publish(&config.data).map_err(|error| StartError::System { doing: "writing addresses.json", error })?;
        warn!("no keys: whoever is on this machine may call the backend listener");
        let (fatal, data) = (owner.watch(), config.data.clone());
        let rooms = Rooms { backend: Some(backend), owner: Some(owner), data, patience: config.drain };
        Ok(Self { signals, fatal, rooms })
    }

    /// Serves until a signal, or until the store stops itself.
    pub(crate) async fn run(&mut self) -> Ended {
        let fatal = self.fatal.clone();
        let broken = spawn_blocking(move || fatal.wait());
        tokio::select! {
            name = self.signals.next() => info!(signal = name, "stopping"),
            broken = broken => return self.rooms.broken(broken.ok().flatten()),
        }
        tokio::select! {
            biased;
            _ = self.signals.next() => Ended::Forced,
            ended = self.rooms.stop() => ended,
        }
    }
}

/// Of a stop's time, what is kept for the log.
const FLUSH: Duration = Duration::from_secs(2);

impl Rooms {
    fn broken(&self, why: Option<String>) -> Ended {
        let why = why.unwrap_or_else(|| "it was closed".to_owned());
        error!(why, "the store has stopped itself");
        Addresses::remove(&self.data);
        Ended::Broken(format!("the store has stopped itself: {why}"))
    }

    /// Doors first, devices before backends; then the log.
    async fn stop(&mut self) -> Ended {
        let end = Instant::now() + self.patience;
        Addresses::remove(&self.data);
        if let Some(backend) = self.backend.take() {
            backend.drain();
            if timeout_at(end - FLUSH.min(self.patience / 2), backend.close()).await.is_err() {
                warn!("some requests did not end in time; whatever was answered is durable");
            }
        }
        let Some(owner) = self.owner.take() else { return Ended::Stopped };
        match timeout_at(end, spawn_blocking(|| owner.close())).await {
            Ok(Ok(Ok(()))) => Ended::Stopped,
            Ok(Ok(Err(error))) => Ended::Broken(error.to_string()),
            Ok(Err(panic)) => Ended::Broken(panic.to_string()),
            Err(_) => Ended::Late,
        }
    }
}

fn open_store(config: &Config, accept_clock: bool) -> Result<(Store, Owner), OpenError> {
    Store::open(tidings_store::Config {
        dir: config.data.clone(),
        limits: config.limits.clone(),
        workers: config.workers(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        accept_clock,
    })
}
