//! The server: every room built from its Config, run, and drained in reverse.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidings_api::{Executor, IceStartError, StartError as Backends};
use tidings_gateway::StartError as Devices;
use tidings_outbox::{Outbox, Webhooks};
use tidings_pages::StartError as Sockets;
use tidings_registration::Registrar;
use tidings_store::{FatalWatch, OpenError, Owner, Store};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::config::Config;
use crate::telemetry::Level;
use crate::tls::{Certificates, LoadError};

mod addresses;
mod doors;
mod files;
mod outbox;
mod renewal;
mod signals;

use addresses::Addresses;
use doors::{Doors, Ground};
use renewal::Renewal;
pub(crate) use renewal::Reread;
use signals::{Signal, Signals};

/// What `serve` is asked beside its configuration.
pub(crate) struct Wishes {
    /// Start although the clock is far ahead of the last fact.
    pub accept_clock: bool,
    /// Serve the demo page.
    pub demo: bool,
    /// For SIGHUP.
    pub level: Level,
    pub reread: Reread,
}

/// A running server.
pub(crate) struct App {
    signals: Signals,
    renewal: Renewal,
    fatal: FatalWatch,
    rooms: Rooms,
}

/// What is stopped, in this order.
struct Rooms {
    doors: Doors,
    outbox: Option<Outbox>,
    owner: Option<Owner>,
    data: PathBuf,
    /// How long that may take.
    patience: Duration,
}

/// Why the server did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    Store(OpenError),
    Devices(Devices),
    Backend(Backends),
    Certificate(LoadError),
    Registration(tidings_registration::StartError),
    Sockets(Sockets),
    Ice(IceStartError),
    System { doing: &'static str, error: io::Error },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Devices(error @ Devices::Bind { addr, cause }) => write!(f, "{error}{}", advice(*addr, cause, "--devices")),
            Self::Devices(error @ Devices::System(cause)) => write!(f, "{error}: {cause}"),
            Self::Backend(error @ Backends::Bind { bind, error: cause }) => write!(f, "{error}{}", advice(*bind, cause, "--backend")),
            Self::Backend(error @ Backends::Keyless(_)) => error.fmt(f),
            Self::Certificate(error) => write!(f, "a tls setting {error}"),
            Self::Registration(error) => error.fmt(f),
            Self::Sockets(error @ Sockets::Gateway(Devices::Bind { addr, cause })) => {
                write!(f, "{error}{}", advice(*addr, cause, "backend.sockets ="))
            }
            Self::Sockets(Sockets::Gateway(error @ Devices::System(cause))) => write!(f, "{error}: {cause}"),
            Self::Sockets(error @ Sockets::Keyless(_)) => error.fmt(f),
            Self::Ice(error @ IceStartError::Bind { bind, error: cause }) => write!(f, "{error}{}", advice(*bind, cause, "--ice")),
            Self::Ice(error @ IceStartError::Keyless(_)) => error.fmt(f),
            Self::System { doing, error } => write!(f, "{doing} failed: {error}"),
        }
    }
}

impl StartError {
    /// It is not for the world to mend, but for whoever configured it.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Backend(Backends::Keyless(_)) | Self::Sockets(Sockets::Keyless(_)) | Self::Ice(IceStartError::Keyless(_)))
    }
}

/// The flag that helps where a port is taken.
fn advice(bind: SocketAddr, cause: &io::Error, flag: &str) -> String {
    if cause.kind() != io::ErrorKind::AddrInUse {
        return String::new();
    }
    format!("; choose another port with {flag} {}", SocketAddr::new(bind.ip(), bind.port().wrapping_add(10)))
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
    pub(crate) async fn start(config: &Config, wishes: Wishes) -> Result<Self, StartError> {
        // First: a signal during the start must not kill what is half open.
        let signals = Signals::install().map_err(|error| StartError::System { doing: "listening to signals", error })?;
        files::raise_limit();
        if !config.data.exists() && config.admin_key.is_none() {
            // There can be no key yet, so what is refused for want of one is refused before anything is made.
            doors::check_keyless(config)?;
        }
        let (store, owner) = open_store(config, wishes.accept_clock).map_err(StartError::Store)?;
        Addresses::remove(&config.data);
        let certificates =
            Certificates::load(&config.devices_tls, &config.backend_tls, &config.ice_tls).map_err(StartError::Certificate)?;
        let registrar = config.registration.config().map(Registrar::start).transpose().map_err(StartError::Registration)?;
        let webhooks = Webhooks::new(config.webhook_allow.clone());
        let executor = Executor::with_webhooks(store.clone(), config.limits.clone(), config.admin_key.clone(), webhooks.clone());
        let outbox = outbox::start(&store, webhooks)?;
        let ground = Ground {
            config,
            store: &store,
            executor: &executor,
            certificates: &certificates,
            registrar: registrar.as_ref(),
            demo: wishes.demo,
            sinks: outbox.meter(),
        };
        let (doors, addresses) = Doors::open(&ground).await?;
        addresses.publish(&config.data).map_err(|error| StartError::System { doing: "writing addresses.json", error })?;
        if executor.is_keyless() {
            warn!("no keys: whoever is on this machine may call the backend listener; tidings key create makes the first one");
        }
        let fatal = owner.watch();
        let rooms = Rooms { doors, outbox: Some(outbox), owner: Some(owner), data: config.data.clone(), patience: config.drain };
        Ok(Self { signals, renewal: Renewal { certificates, registrar, level: wishes.level, reread: wishes.reread }, fatal, rooms })
    }

    /// Serves until a signal, or until the store stops itself.
    pub(crate) async fn run(&mut self) -> Ended {
        let fatal = self.fatal.clone();
        let broken = spawn_blocking(move || fatal.wait());
        tokio::select! {
            name = stopped(&mut self.signals, &self.renewal) => info!(signal = name, "stopping"),
            broken = broken => return self.rooms.broken(broken.ok().flatten()),
            () = self.rooms.worker_died() => return Ended::Broken("a worker of a Socket.IO door died; the log has its last words".to_owned()),
        }
        tokio::select! {
            biased;
            () = self.signals.second() => Ended::Forced,
            ended = self.rooms.stop() => ended,
        }
    }
}

/// Resolves with the name of a signal that asks to stop; SIGHUP asks to read again.
async fn stopped(signals: &mut Signals, renewal: &Renewal) -> &'static str {
    loop {
        match signals.next().await {
            Signal::Stop(name) => return name,
            Signal::Reload => renewal.renew(),
        }
    }
}

/// Of a stop's time, what is kept for the log.
const FLUSH: Duration = Duration::from_secs(2);
/// How often it is looked after the workers.
const WATCH: Duration = Duration::from_secs(1);

impl Rooms {
    fn broken(&self, why: Option<String>) -> Ended {
        let why = why.unwrap_or_else(|| "it was closed".to_owned());
        error!(why, "the store has stopped itself");
        Addresses::remove(&self.data);
        Ended::Broken(format!("the store has stopped itself: {why}"))
    }

    /// Resolves when a worker has ended by itself: a bug of ours, and its devices are stuck.
    async fn worker_died(&self) {
        while !self.doors.have_died() {
            sleep(WATCH).await;
        }
    }

    /// Doors first, devices before backends; then the sinks, then the log.
    async fn stop(&mut self) -> Ended {
        let end = Instant::now() + self.patience;
        Addresses::remove(&self.data);
        if timeout_at(end - FLUSH.min(self.patience / 2), self.doors.close(self.patience)).await.is_err() {
            warn!("some requests did not end in time; whatever was answered is durable");
        }
        if let Some(outbox) = self.outbox.take() {
            // Given up, it is dropped: what was under way comes again.
            let _ = timeout_at(end - FLUSH.min(self.patience / 4), outbox.close()).await;
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
