//! The client: one connection to one of an address's endpoints, made when it is needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_rustls::rustls::ClientConfig;
use tracing::debug;

use super::dial::{DialError, DialFailure, dial};
use super::invoke::{InvokeError, NotExecuted, Order, Proxy};
use super::link::{Event, Link, now};
use crate::connection::{Answer, Call, CallId, Input};
use crate::encoding::Encapsulation;
use crate::limits::Limits;
use crate::proxy::Address;

/// Calls that wait for the connection beside those in flight on it.
const QUEUE: usize = 64;

#[derive(Clone, Debug)]
pub struct ClientSettings {
    pub limits: Limits,
    /// Of one call, the making of a connection included.
    pub call: Duration,
    /// For `ssl` endpoints.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self { limits: Limits::client(), call: Duration::from_secs(10), tls: None }
    }
}

/// Owns the connection. When it is dropped, the connection is cut; [`Self::close`] ends it well.
#[derive(Debug)]
pub struct Client {
    proxy: Proxy,
    stop: oneshot::Sender<()>,
    driver: JoinSet<()>,
}

impl Client {
    /// Connects with the first call, within the tokio runtime it is made in.
    pub fn new(address: Address, settings: ClientSettings) -> Self {
        let (orders, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let connections = Arc::new(AtomicU64::new(0));
        let proxy = Proxy::new(&address, orders, Arc::clone(&connections), settings.call);
        let mut driver = JoinSet::new();
        driver.spawn(Driver { address, settings, queue, stopped: Some(stopped), connections }.run());
        Self { proxy, stop, driver }
    }

    /// The object that the address names.
    pub fn proxy(&self) -> Proxy {
        self.proxy.clone()
    }

    /// Lets the calls in flight end, then CloseConnection and the peer's FIN. Later calls are not executed.
    pub async fn close(mut self) {
        // Fails only where the driver has ended already.
        let _ = self.stop.send(());
        while self.driver.join_next().await.is_some() {}
    }
}

struct Driver {
    address: Address,
    settings: ClientSettings,
    queue: mpsc::Receiver<Order>,
    /// None once it was told.
    stopped: Option<oneshot::Receiver<()>>,
    /// Made so far.
    connections: Arc<AtomicU64>,
}

type Waiting = HashMap<CallId, oneshot::Sender<Result<Encapsulation, InvokeError>>>;

impl Driver {
    async fn run(mut self) {
        while let Some(order) = self.next_order().await {
            let dialled = timeout_at(order.deadline.into(), dial(&self.address, &self.settings)).await;
            match dialled.unwrap_or_else(|_| Err(self.late())) {
                Ok(link) => self.connected(link, order).await,
                Err(error) => {
                    debug!(%error, "cannot reach the Ice object");
                    order.fail(InvokeError::NotExecuted(NotExecuted::Dial(error)));
                }
            }
        }
    }

    fn late(&self) -> DialError {
        let endpoint = self.address.endpoints.first().expect("an address has an endpoint").clone();
        DialError { endpoint, failure: DialFailure::Timeout }
    }

    /// None when we were told to stop and all that came before is done. May be dropped at any await.
    async fn next_order(&mut self) -> Option<Order> {
        if let Some(stopped) = &mut self.stopped {
            tokio::select! {
                order = self.queue.recv() => return order,
                _ = stopped => {}
            }
            self.stopped = None;
            self.queue.close();
        }
        self.queue.recv().await
    }

    async fn connected(&mut self, mut link: Link, first: Order) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut waiting = Waiting::new();
        let mut calls = 0;
        begin(first, &mut calls, &mut waiting, &mut link);
        let mut draining = false;
        loop {
            while let Some(event) = link.poll() {
                handle(event, &mut waiting, &mut link);
            }
            if link.over().is_some() {
                return link.end().await;
            }
            let may_call = !draining && link.machine().may_call() && link.unwritten() <= self.settings.limits.message;
            tokio::select! {
                () = link.turn(true) => {}
                order = self.next_order(), if may_call => match order {
                    Some(order) => begin(order, &mut calls, &mut waiting, &mut link),
                    None => {
                        draining = true;
                        link.feed(Input::Drain);
                    }
                },
            }
        }
    }
}

fn begin(order: Order, calls: &mut u64, waiting: &mut Waiting, link: &mut Link) {
    if order.deadline <= now() || order.done.is_closed() {
        return order.fail(InvokeError::NotExecuted(NotExecuted::NotSent));
    }
    *calls += 1;
    let id = CallId(*calls);
    waiting.insert(id, order.done);
    link.feed(Input::Call(Call { id, request: order.request, deadline: order.deadline }));
}

fn handle(event: Event, waiting: &mut Waiting, link: &mut Link) {
    match event {
        // Nobody of ours is called back on this connection.
        Event::Dispatch(ticket, _) => link.feed(Input::Answer(ticket, Answer::ObjectNotExist)),
        Event::Done(id, result) => {
            if let Some(done) = waiting.remove(&id) {
                // Who asked may have gone.
                drop(done.send(result.map_err(InvokeError::from)));
            }
        }
    }
}
