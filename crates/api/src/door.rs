//! The backend's HTTP listener: its own accept loop, so that every connection has an owner, a bound and a timer.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::executor::Executor;
use crate::exposed::Exposed;
use crate::http::{self, Face, answer::RequestIds, demo::Demo, metrics::Metrics};

mod accepting;
mod closing;
mod connection;
mod refusing;
mod turn;
mod watched;

/// What the door is built from.
#[derive(Clone, Debug)]
pub struct Config {
    pub bind: SocketAddr,
    /// The lifetime of what comes through `/message`, in seconds.
    pub legacy_ttl_s: u32,
    /// Serve the demo page, whose device connects there.
    pub demo: Option<Demo>,
    /// TLS, with the certificate of the moment; None: plain.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    /// What `/metrics` answers.
    pub metrics: Metrics,
    /// Direct messages travel under the uid, too (`legacy.p2p_event`).
    pub uid_events: bool,
}

/// Why the door did not open.
#[derive(Debug)]
pub enum StartError {
    Keyless(Exposed),
    Bind { bind: SocketAddr, error: io::Error },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyless(exposed) => exposed.fmt(f),
            Self::Bind { bind, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {bind}: port {} is in use (usually by another server of ours)", bind.port())
            }
            Self::Bind { bind, error } => write!(f, "cannot listen on {bind}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl Config {
    /// `keyed`: calls need a key.
    pub fn check(&self, keyed: bool) -> Result<(), StartError> {
        Exposed::check(self.bind, keyed, "127.0.0.1:5001").map_err(StartError::Keyless)
    }
}

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Connections at once: backends keep few, and reuse them.
const CONNECTIONS_MAX: usize = 4096;

/// The open door. It owns its tasks; dropped, they end at once.
pub struct Backend {
    addr: SocketAddr,
    executor: Executor,
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Backend {
    /// Binds and serves. To be called within a tokio runtime.
    pub fn start(config: &Config, executor: Executor) -> Result<Self, StartError> {
        let bind = config.bind;
        config.check(!executor.is_keyless())?;
        let listener = listen(bind).map_err(|error| StartError::Bind { bind, error })?;
        let addr = listener.local_addr().map_err(|error| StartError::Bind { bind, error })?;
        let face = Face {
            executor: executor.clone(),
            legacy_ttl_s: config.legacy_ttl_s,
            is_local: bind.ip().is_loopback(),
            uid_events: config.uid_events,
            demo: config.demo.clone(),
            metrics: config.metrics.clone(),
            tally: Arc::default(),
        };
        let ids = RequestIds::new();
        let (closing, until) = closing::Closing::new();
        let mut tasks = JoinSet::new();
        let serving = accepting::Serving { router: http::router(face, ids.clone()), ids, tls: config.tls.clone() };
        tasks.spawn(accepting::run(listener, serving, CONNECTIONS_MAX, until));
        Ok(Self { addr, executor, closing, tasks })
    }

    /// Where it really listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on publishes and `readyz` are answered `draining`, and waits end. The door stays open.
    pub fn drain(&self) {
        self.executor.drain();
    }

    /// Drains, lets running requests end, then closes every connection. The caller bounds the wait.
    pub async fn close(mut self) {
        self.executor.drain();
        self.executor.idle().await;
        self.closing.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the accept loop broke");
            }
        }
    }
}

fn listen(bind: SocketAddr) -> io::Result<TcpListener> {
    let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(bind)?;
    socket.listen(BACKLOG)
}
