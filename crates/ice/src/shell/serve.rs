//! The server: accepts, dispatches, drains.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use tracing::{debug, error, warn};

use super::Dispatch;
use super::link::{Event, Link, StreamObject, now};
use crate::connection::{Answer, Connection, Input, Reason, Ticket};
use crate::limits::Limits;
use crate::request::Request;

/// After a failed accept (no descriptor left): before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub limits: Limits,
    /// Open at once; one more is closed as it comes.
    pub connections: usize,
    /// Bytes kept for all connections together. Beyond them who has something running is not read, and others are closed.
    pub buffered: usize,
    /// With the certificate of the moment; None: plain.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    /// What still runs this long after the shutdown is given up.
    pub drain: Duration,
    pub counters: Arc<Counters>,
}

/// Numbers for whoever watches. They rise while the process runs.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    /// Connections that are open.
    pub fn open(&self) -> u64 {
        let ended = self.ended.load(Ordering::Relaxed);
        self.accepted().saturating_sub(ended)
    }

    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Closed as they came: too many were open.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A connection that counts as open.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        let drain = Duration::from_secs(30);
        let counters = Arc::default();
        Self { limits: Limits::server(), connections: 256, buffered: 64 * 1024 * 1024, tls: None, drain, counters }
    }
}

/// What all connections of a server share.
struct Shared<D> {
    dispatch: Arc<D>,
    settings: ServerSettings,
    buffered: AtomicUsize,
}

/// Serves until `shutdown`, then drains: running dispatches finish and are answered, CloseConnection, the peers' FIN.
pub async fn serve<D: Dispatch>(listener: TcpListener, dispatch: Arc<D>, settings: ServerSettings, shutdown: impl Future<Output = ()>) {
    let drain = settings.drain;
    let shared = Arc::new(Shared { dispatch, settings, buffered: AtomicUsize::new(0) });
    let (draining, drained) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accept(accepted, &shared, &drained, &mut connections).await,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    draining.send_replace(true);
    if timeout(drain, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        debug!(left = connections.len(), "connections given up");
        connections.shutdown().await;
    }
}

async fn accept<D: Dispatch>(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    shared: &Arc<Shared<D>>,
    drained: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    match accepted {
        Ok((_, peer)) if connections.len() >= shared.settings.connections => {
            shared.settings.counters.refused.fetch_add(1, Ordering::Relaxed);
            debug!(%peer, "too many connections");
        }
        Ok((stream, peer)) => drop(connections.spawn(connection(stream, peer, Arc::clone(shared), drained.clone()))),
        Err(error) => {
            debug!(%error, "accept failed");
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

async fn connection<D: Dispatch>(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared<D>>, drained: watch::Receiver<bool>) {
    let _open = Open::new(&shared.settings.counters);
    let setup = shared.settings.limits.setup;
    let stream = match timeout(setup, secured(stream, &shared.settings)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%peer, %error, "no TLS"),
        Err(_) => return debug!(%peer, "no TLS in time"),
    };
    match Served::new(stream, peer, shared).run(drained).await {
        Some(reason) => debug!(%peer, %reason, "connection ended"),
        None => warn!(%peer, "connection closed: too many bytes are kept for all of them"),
    }
}

async fn secured(stream: TcpStream, settings: &ServerSettings) -> io::Result<Box<dyn StreamObject>> {
    stream.set_nodelay(true)?;
    Ok(match &settings.tls {
        Some(tls) => {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&tls.borrow()));
            Box::new(acceptor.accept(stream).await?)
        }
        None => Box::new(stream),
    })
}

/// One connection of a server.
struct Served<D> {
    link: Link,
    peer: SocketAddr,
    shared: Arc<Shared<D>>,
    running: JoinSet<Answer>,
    /// Each running dispatch, and the bytes of its parameters.
    tickets: HashMap<Id, (Ticket, usize)>,
    params: usize,
    /// What of the shared sum is ours.
    counted: usize,
}

impl<D: Dispatch> Served<D> {
    fn new(stream: Box<dyn StreamObject>, peer: SocketAddr, shared: Arc<Shared<D>>) -> Self {
        let limits = shared.settings.limits.clone();
        let patience = limits.message_time;
        let link = Link::new(stream, Connection::server(now(), limits), patience);
        Self { link, peer, shared, running: JoinSet::new(), tickets: HashMap::new(), params: 0, counted: 0 }
    }

    async fn run(mut self, mut drained: watch::Receiver<bool>) -> Option<Reason> {
        let mut draining = false;
        loop {
            while let Some(event) = self.link.poll() {
                self.event(event);
            }
            let full = self.count();
            if self.link.over().is_some() || (full && self.is_waiting_only()) {
                break;
            }
            // Who does not take its answers gets no more of them.
            let may_read = !full && self.link.unwritten() <= self.shared.settings.limits.message;
            tokio::select! {
                () = self.link.turn(may_read) => {}
                Some(ended) = self.running.join_next_with_id(), if !self.running.is_empty() => self.ended(ended),
                _ = drained.wait_for(|drained| *drained), if !draining => {
                    draining = true;
                    self.link.feed(Input::Drain);
                }
            }
        }
        self.finish().await
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Dispatch(ticket, request) => self.dispatch(ticket, request),
            // We call nobody here.
            Event::Done(..) => {}
        }
    }

    fn dispatch(&mut self, ticket: Ticket, request: Request) {
        let (shared, peer, size) = (Arc::clone(&self.shared), self.peer, request.params.body.len());
        let task = self.running.spawn(async move { shared.dispatch.dispatch(request, peer).await });
        self.tickets.insert(task.id(), (ticket, size));
        self.params += size;
    }

    fn ended(&mut self, ended: Result<(Id, Answer), JoinError>) {
        let (id, answer) = match ended {
            Ok((id, answer)) => (id, answer),
            Err(failed) => {
                error!(peer = %self.peer, task = %failed.id(), %failed, "a dispatch panicked");
                (failed.id(), Answer::Internal(failed.id().to_string()))
            }
        };
        if let Some((ticket, size)) = self.tickets.remove(&id) {
            self.params -= size;
            self.link.feed(Input::Answer(ticket, answer));
        }
    }

    /// Nothing of ours will end by itself and make room.
    fn is_waiting_only(&self) -> bool {
        self.counted > 0 && self.running.is_empty() && self.link.unwritten() == 0
    }

    /// Brings the shared sum up to date. Whether it is beyond its limit.
    fn count(&mut self) -> bool {
        let counted = self.link.buffered() + self.params;
        let before = std::mem::replace(&mut self.counted, counted);
        let sum = &self.shared.buffered;
        sum.fetch_add(counted, Ordering::Relaxed);
        sum.fetch_sub(before, Ordering::Relaxed) - before > self.shared.settings.buffered
    }

    /// What was begun is finished, whoever hears of it. None: it was closed for the memory it would take.
    async fn finish(mut self) -> Option<Reason> {
        let reason = self.link.over();
        self.shared.buffered.fetch_sub(self.counted, Ordering::Relaxed);
        self.link.end().await;
        while self.running.join_next().await.is_some() {}
        reason
    }
}
