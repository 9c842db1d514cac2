//! The accept loop: it owns the connections' tasks, and ends when the last of them has.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::closing::Closing;
use super::{connection, refusing};
use crate::http::answer::RequestIds;

/// From the accept to the end of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After an accept that failed for want of something.
const PAUSE: Duration = Duration::from_millis(100);

/// `room`: connections at once; one more is told so and closed.
pub(super) async fn run(listener: TcpListener, serving: Serving, room: usize, mut until: Closing) {
    let mut accepting = Accepting { serving, until: until.clone(), room: Arc::new(Semaphore::new(room)), tasks: JoinSet::new() };
    loop {
        tokio::select! {
            () = until.begun() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => accepting.take(stream),
                Err(error) => pause(&error).await,
            },
            Some(ended) = accepting.tasks.join_next() => told(ended),
        }
    }
    drop(listener);
    while let Some(ended) = accepting.tasks.join_next().await {
        told(ended);
    }
}

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Serving {
    pub router: Router,
    pub ids: RequestIds,
    /// None: plain.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
}

struct Accepting {
    serving: Serving,
    until: Closing,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Accepting {
    fn take(&mut self, stream: TcpStream) {
        // Without it small answers wait for the peer's delayed ACK.
        let _ = stream.set_nodelay(true);
        match self.room.clone().try_acquire_owned() {
            Ok(place) => {
                let (serving, until) = (self.serving.clone(), self.until.clone());
                self.tasks.spawn(async move {
                    serve(stream, serving, until).await;
                    drop(place);
                });
            }
            // Over TLS nothing can be said before a handshake, and that is what there is no room for.
            Err(_) if self.serving.tls.is_some() => {}
            Err(_) => refusing::full(stream, &self.serving.ids),
        }
    }
}

async fn serve(stream: TcpStream, Serving { router, ids, tls }: Serving, until: Closing) {
    let Some(tls) = tls else { return connection::serve(stream, router, ids, until).await };
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection::serve(stream, router, ids, until).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// A peer that went away before it was accepted is nobody's fault; anything else needs time, not spinning.
async fn pause(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted) {
        return;
    }
    tracing::warn!(%error, "accepting a backend connection failed");
    sleep(PAUSE).await;
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a backend connection broke");
    }
}

#[cfg(test)]
mod tests;
