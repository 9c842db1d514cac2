//! A door as the process sees it: bound, run by its workers, stopped.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::config::Config;
use crate::crowd::Crowd;
use crate::inbox::{Mailbox, Sender, inbox};
use crate::listener::Listener;
use crate::metrics::{Gauge, Numbers};
use crate::worker::{Letter, Parts, Shared, Worker};
use crate::{Door, clock};

/// Why a door did not open.
#[derive(Debug)]
pub enum StartError {
    Bind {
        addr: SocketAddr,
        cause: io::Error,
    },
    /// The system refused a thread, an epoll or an eventfd.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { addr, cause } => {
                write!(f, "cannot listen on {addr}")?;
                match (cause.kind(), addr.port()) {
                    (io::ErrorKind::AddrInUse, 5000) => f.write_str(": port 5000 is in use (on a Mac usually by AirPlay Receiver)"),
                    (io::ErrorKind::AddrInUse, port) => write!(f, ": port {port} is in use (usually by another server of ours)"),
                    (io::ErrorKind::PermissionDenied, port) => write!(f, ": port {port} needs more rights than this process has"),
                    (io::ErrorKind::AddrNotAvailable, _) => f.write_str(": this machine does not have that address"),
                    _ => Ok(()),
                }
            }
            Self::System(_) => f.write_str("the system refused a thread, an epoll or an eventfd"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { cause, .. } | Self::System(cause) => Some(cause),
        }
    }
}

/// A worker panicked: a bug of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkerDied {
    pub worker: u16,
}

impl fmt::Display for WorkerDied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} of the device door died", self.worker)
    }
}

impl std::error::Error for WorkerDied {}

/// An open door. It owns its worker threads; dropping it stops them at once.
pub struct Gateway<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Gateway<T> {
    /// Binds, and starts a worker for each house. `houses`: a house and its inbox; its place is its worker's number.
    pub fn start<D>(config: &Config, houses: Vec<(D, Mailbox<D::Mail>)>) -> Result<Self, StartError>
    where
        D: Door<Traveller = T>,
    {
        let listeners = bind(config)?;
        let inboxes: Vec<_> = houses.iter().map(|_| inbox()).collect::<io::Result<_>>().map_err(StartError::System)?;
        let shared = Arc::new(Shared {
            site: config.site(),
            deadlines: config.deadlines,
            listeners,
            certificate: config.certificate.clone(),
            connections: AtomicUsize::new(0),
            connections_max: config.connections_max(),
            crowd: config.connections_per_address.map(|most| Arc::new(Crowd::new(most))),
            gauges: inboxes.iter().map(|_| Arc::new(Gauge::default())).collect(),
            peers: inboxes.iter().map(|(sender, _): &(Sender<Letter<T>>, _)| sender.clone()).collect(),
        });
        let mut gateway = Self { shared, threads: Vec::new() };
        for ((number, (door, mail)), (_, letters)) in (0..).zip(houses).zip(inboxes) {
            let parts = Parts { number, door, shared: Arc::clone(&gateway.shared), mail, letters };
            gateway.threads.push(spawn(parts).map_err(StartError::System)?);
        }
        Ok(gateway)
    }

    /// The first address that was bound, with its real port.
    pub fn addr(&self) -> SocketAddr {
        self.shared.listeners[0].addr()
    }

    pub fn addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.shared.listeners.iter().map(Listener::addr)
    }

    /// Each worker's numbers, as of its last turn.
    pub fn numbers(&self) -> impl Iterator<Item = Numbers> + '_ {
        self.shared.gauges.iter().map(|gauge| gauge.read())
    }

    /// Where the workers publish their numbers, for whoever outlives the door.
    pub(crate) fn gauges(&self) -> Vec<Arc<Gauge>> {
        self.shared.gauges.clone()
    }

    /// Closes the listener at once, lets the houses say their last words, and has the workers end when they are empty or
    /// `patience` is over. Again: with this patience from now.
    pub fn stop(&self, patience: Duration) {
        for listener in &self.shared.listeners {
            listener.stop();
        }
        for peer in &self.shared.peers {
            // One that has ended has nothing to stop.
            let _ = peer.tell(Letter::Stop(clock::now() + patience));
        }
    }

    /// A worker has ended without being told to: see `join`.
    pub fn has_died(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Waits for the workers to end.
    pub fn join(mut self) -> Result<(), WorkerDied> {
        let mut verdict = Ok(());
        for (thread, worker) in self.threads.drain(..).zip(0..) {
            if thread.join().is_err() {
                verdict = Err(WorkerDied { worker });
            }
        }
        verdict
    }
}

impl<T> Drop for Gateway<T> {
    fn drop(&mut self) {
        for peer in &self.shared.peers {
            let _ = peer.tell(Letter::Stop(clock::now()));
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spawn<D: Door>(parts: Parts<D>) -> io::Result<JoinHandle<()>> {
    let name = format!("tidings-worker-{}", parts.number);
    let worker = Worker::new(parts)?;
    thread::Builder::new().name(name).spawn(move || worker.run())
}

/// A later address with port 0 takes the first one's port.
fn bind(config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut listeners: Vec<Listener> = Vec::new();
    for addr in &config.bind {
        let mut addr = *addr;
        if let (0, Some(first)) = (addr.port(), listeners.first()) {
            addr.set_port(first.addr().port());
        }
        listeners.push(Listener::bind(addr, config.patience).map_err(|cause| StartError::Bind { addr, cause })?);
    }
    if listeners.is_empty() {
        return Err(StartError::System(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on")));
    }
    Ok(listeners)
}
