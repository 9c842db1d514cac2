//! The server: every room built from its Config, run, and drained in reverse.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidings_api::{Backend, Demo, Executor, IceDoor, IceStartError, PageEvents, StartError as Backends};
use tidings_gateway::devices::{self, Companion, DeviceDoor, Verifier};
use tidings_gateway::{StartError as Devices, WorkerDied};
use tidings_pages::{Publishing, SocketDoor, StartError as Sockets};
use tidings_registration::Registrar;
use tidings_store::{FatalWatch, OpenError, Owner, Store};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::config::Config;
use crate::metrics;
use crate::telemetry::Level;
use crate::tls::{Certificates, LoadError};

mod addresses;
mod files;
mod renewal;
mod signals;

use addresses::Addresses;
use renewal::Renewal;
pub(crate) use renewal::Reread;
use signals::{Signal, Signals};

impl StartError {
    /// It is not for the world to mend, but for whoever configured it.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Backend(Backends::Keyless { .. }) | Self::Sockets(Sockets::Keyless { .. }) | Self::Ice(IceStartError::Keyless { .. })
        )
    }
}

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
    devices: Option<DeviceDoor>,
    sockets: Option<SocketDoor>,
    ice: Option<IceDoor>,
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
            Self::Backend(error @ Backends::Keyless { .. }) => error.fmt(f),
            Self::Certificate(error) => write!(f, "a tls setting {error}"),
            Self::Registration(error) => error.fmt(f),
            Self::Sockets(error @ Sockets::Gateway(Devices::Bind { addr, cause })) => {
                write!(f, "{error}{}", advice(*addr, cause, "backend.sockets ="))
            }
            Self::Sockets(Sockets::Gateway(error @ Devices::System(cause))) => write!(f, "{error}: {cause}"),
            Self::Sockets(error @ Sockets::Keyless { .. }) => error.fmt(f),
            Self::Ice(error @ IceStartError::Bind { bind, error: cause }) => write!(f, "{error}{}", advice(*bind, cause, "--ice")),
            Self::Ice(error @ IceStartError::Keyless { .. }) => error.fmt(f),
            Self::System { doing, error } => write!(f, "{doing} failed: {error}"),
        }
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
            config.backend_door().check(false).map_err(StartError::Backend)?;
            config.sockets_door().map_or(Ok(()), |door| door.check(false)).map_err(StartError::Sockets)?;
            config.ice_door().map_or(Ok(()), |door| door.check(false)).map_err(StartError::Ice)?;
        }
        let (store, owner) = open_store(config, wishes.accept_clock).map_err(StartError::Store)?;
        Addresses::remove(&config.data);
        let certificates = Certificates::load(&config.devices_tls, &config.backend_tls).map_err(StartError::Certificate)?;
        let executor = Executor::new(store.clone(), config.limits.clone(), config.admin_key.clone());
        let events = PageEvents::new(executor.clone(), config.legacy_ttl_s);
        let door = tidings_gateway::Config { certificate: certificates.devices(), ..config.devices_door() };
        let registrar = config.registration.config().map(Registrar::start).transpose().map_err(StartError::Registration)?;
        let verifier = registrar.clone().map(verifier);
        let devices = open_devices(config, &door, (&store, &events), verifier.as_ref()).map_err(StartError::Devices)?;
        let sockets = config
            .sockets_door()
            .map(|door| tidings_pages::start(&tidings_pages::Config { certificate: certificates.sockets(), ..door }, events));
        let sockets = sockets.transpose().map_err(StartError::Sockets)?;
        let demo = wishes.demo.then(|| Demo { devices: devices.gateway().addr(), path: config.door.paths[0].clone() });
        let metrics = metrics::source(devices.watch(), store.clone());
        let door = tidings_api::Config { demo, metrics, tls: certificates.backend(), ..config.backend_door() };
        let ice = open_ice(config, &executor).await?;
        let backend = Backend::start(&door, executor).map_err(StartError::Backend)?;
        let addresses = Addresses {
            devices: devices.gateway().addr(),
            backend: backend.addr(),
            sockets: sockets.as_ref().map(SocketDoor::addr),
            ice: ice.as_ref().map(IceDoor::addr),
            demo: wishes.demo,
            tls: addresses::Tls {
                devices: certificates.devices().is_some(),
                backend: certificates.backend().is_some(),
                ice: ice.as_ref().is_some_and(IceDoor::is_tls),
            },
        };
        addresses.publish(&config.data).map_err(|error| StartError::System { doing: "writing addresses.json", error })?;
        if backend.executor().is_keyless() {
            warn!("no keys: whoever is on this machine may call the backend listener; tidings key create makes the first one");
        }
        let (fatal, data) = (owner.watch(), config.data.clone());
        let rooms =
            Rooms { devices: Some(devices), sockets, ice, backend: Some(backend), owner: Some(owner), data, patience: config.drain };
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
        let is_dead = || {
            let devices = self.devices.as_ref().is_some_and(|devices| devices.gateway().has_died());
            devices || self.sockets.as_ref().is_some_and(SocketDoor::has_died)
        };
        while !is_dead() {
            sleep(WATCH).await;
        }
    }

    /// Doors first, devices before backends; then the log.
    async fn stop(&mut self) -> Ended {
        let end = Instant::now() + self.patience;
        Addresses::remove(&self.data);
        if timeout_at(end - FLUSH.min(self.patience / 2), self.close_doors()).await.is_err() {
            warn!("some requests did not end in time; whatever was answered is durable");
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

impl Rooms {
    /// The devices' listener closes at once; while they say goodbye, the backend's says `draining`, and Ice's says goodbye, too.
    async fn close_doors(&mut self) {
        // First: what it has not begun is not answered `draining`, but left to its clients to repeat.
        if let Some(ice) = &mut self.ice {
            ice.drain();
        }
        if let Some(backend) = &self.backend {
            backend.drain();
        }
        if let Some(devices) = self.devices.take() {
            let gateway = devices.into_gateway();
            gateway.stop(self.patience);
            joined("devices", move || gateway.join()).await;
        }
        if let Some(sockets) = self.sockets.take() {
            sockets.stop(self.patience);
            joined("sockets", move || sockets.join()).await;
        }
        if let Some(ice) = self.ice.take() {
            ice.close().await;
        }
        if let Some(backend) = self.backend.take() {
            backend.close().await;
        }
    }
}

/// The devices' door knows no credentials, and the registrar no door.
fn verifier(registrar: Registrar) -> Verifier {
    Arc::new(move |claim, reply| registrar.check(claim, reply))
}

/// The end of a Socket.IO door's workers.
async fn joined(door: &'static str, join: impl FnOnce() -> Result<(), WorkerDied> + Send + 'static) {
    match spawn_blocking(join).await {
        Ok(Ok(())) => {}
        Ok(Err(died)) => error!(door, %died, "while the door closed"),
        Err(panic) => error!(door, %panic, "while the door closed"),
    }
}

/// What devices publish goes the way that all page events go.
fn open_devices(
    config: &Config,
    door: &tidings_gateway::Config,
    (store, events): (&Store, &PageEvents),
    verifier: Option<&Verifier>,
) -> Result<DeviceDoor, Devices> {
    if config.client_publish {
        warn!("legacy.client_publish: whoever reaches the devices' listener may send to everyone");
    }
    devices::start_with(door, &config.sessions(), store, verifier, |voice| {
        config.client_publish.then(|| Box::new(Publishing::new(events.clone(), voice)) as Box<dyn Companion>)
    })
}

async fn open_ice(config: &Config, executor: &Executor) -> Result<Option<IceDoor>, StartError> {
    let Some(door) = config.ice_door() else { return Ok(None) };
    let door = tidings_api::IceConfig { tls: config.ice_tls.load().map_err(StartError::Certificate)?, ..door };
    IceDoor::start(door, executor.clone()).await.map(Some).map_err(StartError::Ice)
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
