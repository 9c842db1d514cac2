//! The Ice face: `PushService` of `idl/Push.ice` over the executor, on a listener of its own.
//!
//! It decides nothing. A call becomes the body that `POST /v1/messages` would have had, so both doors read it by the same
//! rules, and one key names the same request at both. The protocol is the crate `ice`'s.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tidings_ice::shell::{ServerSettings, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::executor::Executor;
use crate::exposed::Exposed;
use crate::http::answer::RequestIds;

mod message;
mod raised;
mod service;
mod status;

/// What the door is built from.
#[derive(Clone, Debug)]
pub struct IceConfig {
    pub bind: SocketAddr,
    /// None: plain.
    pub tls: Option<Arc<ServerConfig>>,
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
            Self::Keyless(exposed) => write!(f, "ice.bind {exposed}"),
            Self::Bind { bind, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {bind} for Ice: port {} is in use", bind.port())
            }
            Self::Bind { bind, error } => write!(f, "cannot listen on {bind} for Ice: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl IceConfig {
    /// `keyed`: calls need a key.
    pub fn check(&self, keyed: bool) -> Result<(), StartError> {
        Exposed::check(self.bind, keyed, "127.0.0.1:10000").map_err(StartError::Keyless)
    }
}

/// The open door. It owns its task; dropped, that ends at once, and its connections with it.
pub struct IceDoor {
    addr: SocketAddr,
    is_tls: bool,
    shutdown: Option<oneshot::Sender<()>>,
    tasks: JoinSet<()>,
}

impl IceDoor {
    /// Binds and serves. To be called within a tokio runtime.
    pub async fn start(config: IceConfig, executor: Executor) -> Result<Self, StartError> {
        let IceConfig { bind, tls, uid_events } = config.clone();
        config.check(!executor.is_keyless())?;
        let listener = TcpListener::bind(bind).await.map_err(|error| StartError::Bind { bind, error })?;
        let addr = listener.local_addr().map_err(|error| StartError::Bind { bind, error })?;
        let service = Arc::new(service::Service { executor, uid_events, ids: RequestIds::new() });
        let is_tls = tls.is_some();
        let settings = ServerSettings { tls, ..ServerSettings::default() };
        let (shutdown, asked) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, service, settings, async move { drop(asked.await) }));
        Ok(Self { addr, is_tls, shutdown: Some(shutdown), tasks })
    }

    /// Where it really listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its endpoint is `ssl`, not `tcp`.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// From now on nothing new is begun: running calls finish, then each connection is closed gracefully.
    pub fn drain(&mut self) {
        // Gone only where the task has ended.
        let _ = self.shutdown.take().map(|shutdown| shutdown.send(()));
    }

    /// Drains, and waits until every client has gone. The caller bounds the wait.
    pub async fn close(mut self) {
        self.drain();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the Ice door broke");
            }
        }
    }
}
