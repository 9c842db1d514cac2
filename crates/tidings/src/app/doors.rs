//! The doors of a server: opened one on the other, closed in order.

use std::sync::Arc;
use std::time::Duration;

use tidings_api::{Backend, Demo, Executor, IceDoor, PageEvents};
use tidings_gateway::WorkerDied;
use tidings_gateway::devices::{self, Companion, DeviceDoor, Verifier};
use tidings_outbox::Meter;
use tidings_pages::{Publishing, SocketDoor};
use tidings_registration::Registrar;
use tidings_store::Store;
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use super::StartError;
use super::addresses::{Addresses, Tls};
use crate::config::Config;
use crate::metrics;
use crate::tls::Certificates;

/// What is open; what was closed is gone.
pub(super) struct Doors {
    devices: Option<DeviceDoor>,
    sockets: Option<SocketDoor>,
    ice: Option<IceDoor>,
    backend: Option<Backend>,
}

/// What doors are built upon.
pub(super) struct Ground<'a> {
    pub config: &'a Config,
    pub store: &'a Store,
    pub executor: &'a Executor,
    pub certificates: &'a Certificates,
    /// None: registration needs no credential.
    pub registrar: Option<&'a Registrar>,
    pub demo: bool,
    pub sinks: Meter,
}

/// What needs a key and has none is refused by its configuration alone.
pub(super) fn check_keyless(config: &Config) -> Result<(), StartError> {
    config.backend_door().check(false).map_err(StartError::Backend)?;
    config.sockets_door().map_or(Ok(()), |door| door.check(false)).map_err(StartError::Sockets)?;
    config.ice_door().map_or(Ok(()), |door| door.check(false)).map_err(StartError::Ice)
}

impl Doors {
    /// Binds all of them; where they really are comes with them.
    pub(super) async fn open(ground: &Ground<'_>) -> Result<(Self, Addresses), StartError> {
        let events = PageEvents::new(ground.executor.clone(), ground.config.legacy_ttl_s);
        let devices = ground.devices(&events)?;
        let sockets = ground.sockets(events)?;
        let ice = ground.ice().await?;
        let backend = ground.backend(&devices, ice.as_ref())?;
        let addresses = Addresses {
            devices: devices.gateway().addr(),
            backend: backend.addr(),
            sockets: sockets.as_ref().map(SocketDoor::addr),
            ice: ice.as_ref().map(IceDoor::addr),
            demo: ground.demo,
            tls: Tls {
                devices: ground.certificates.devices().is_some(),
                backend: ground.certificates.backend().is_some(),
                ice: ice.as_ref().is_some_and(IceDoor::is_tls),
            },
        };
        Ok((Self { devices: Some(devices), sockets, ice, backend: Some(backend) }, addresses))
    }

    /// A worker has ended by itself: a bug of ours, and its clients are stuck.
    pub(super) fn have_died(&self) -> bool {
        let devices = self.devices.as_ref().is_some_and(|devices| devices.gateway().has_died());
        devices || self.sockets.as_ref().is_some_and(SocketDoor::has_died)
    }

    /// The devices' listener closes at once; while they say goodbye, the backend's says `draining`, and Ice's says goodbye, too.
    pub(super) async fn close(&mut self, patience: Duration) {
        // First: what it has not begun is not answered `draining`, but left to its clients to repeat.
        if let Some(ice) = &mut self.ice {
            ice.drain();
        }
        if let Some(backend) = &self.backend {
            backend.drain();
        }
        if let Some(devices) = self.devices.take() {
            let gateway = devices.into_gateway();
            gateway.stop(patience);
            joined("devices", move || gateway.join()).await;
        }
        if let Some(sockets) = self.sockets.take() {
            sockets.stop(patience);
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

impl Ground<'_> {
    /// What devices publish goes the way that all page events go.
    fn devices(&self, events: &PageEvents) -> Result<DeviceDoor, StartError> {
        if self.config.client_publish {
            warn!("legacy.client_publish: whoever reaches the devices' listener may send to everyone");
        }
        let door = tidings_gateway::Config { certificate: self.certificates.devices(), ..self.config.devices_door() };
        let verifier = self.registrar.cloned().map(verifier);
        let opened = devices::start_with(&door, &self.config.sessions(), self.store, verifier.as_ref(), |voice| {
            self.config.client_publish.then(|| Box::new(Publishing::new(events.clone(), voice)) as Box<dyn Companion>)
        });
        opened.map_err(StartError::Devices)
    }

    fn sockets(&self, events: PageEvents) -> Result<Option<SocketDoor>, StartError> {
        let Some(door) = self.config.sockets_door() else { return Ok(None) };
        let door = tidings_pages::Config { certificate: self.certificates.sockets(), ..door };
        tidings_pages::start(&door, events).map(Some).map_err(StartError::Sockets)
    }

    async fn ice(&self) -> Result<Option<IceDoor>, StartError> {
        let Some(door) = self.config.ice_door() else { return Ok(None) };
        let door = tidings_api::IceConfig { tls: self.certificates.ice(), ..door };
        IceDoor::start(door, self.executor.clone()).await.map(Some).map_err(StartError::Ice)
    }

    fn backend(&self, devices: &DeviceDoor, ice: Option<&IceDoor>) -> Result<Backend, StartError> {
        let demo = self.demo.then(|| Demo { devices: devices.gateway().addr(), path: self.config.door.paths[0].clone() });
        let ice = ice.map(IceDoor::watch).unwrap_or_default();
        let (executor, store) = (self.executor.clone(), self.store.clone());
        let rooms = metrics::Rooms { devices: devices.watch(), ice, executor, store, sinks: self.sinks.clone() };
        let metrics = metrics::source(rooms);
        let door = tidings_api::Config { demo, metrics, tls: self.certificates.backend(), ..self.config.backend_door() };
        Backend::start(&door, self.executor.clone()).map_err(StartError::Backend)
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
