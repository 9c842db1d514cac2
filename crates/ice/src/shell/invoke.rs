//! A call, and what became of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::dial::DialError;
use super::link::now;
use crate::connection::CallError;
use crate::encoding::{DecodeError, Encapsulation};
use crate::proxy::{Address, Identity};
use crate::request::{Context, Mode, Request};

/// What a call returned: out-parameters, then the return value, then optional ones.
pub type Outcome = Encapsulation;

/// Why a call has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// It may be repeated, whatever it does.
    NotExecuted(NotExecuted),
    /// The connection ended under it. It may have run.
    Lost,
    /// No reply in time. It may have run, or may still.
    Timeout,
    /// Refused by a user exception, as it came: `push::PushError::decode` reads it.
    User(Encapsulation),
    ObjectNotExist,
    FacetNotExist,
    OperationNotExist,
    /// Status 5 and above: the peer could not read it (5, 8), or failed. The text may be long, and is not for logs above debug.
    Remote {
        status: u8,
        text: String,
    },
    /// It ran, and its reply cannot be read.
    Malformed(DecodeError),
}

/// Why a call certainly did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotExecuted {
    Dial(DialError),
    /// Its time was over, or the connection ended, before it left.
    NotSent,
    /// The peer closed gracefully, which promises that.
    ClosedByPeer,
    /// Larger than a message may be. Bytes, and how many may be.
    TooLarge {
        size: usize,
        limit: usize,
    },
    /// The client was closed.
    ClientClosed,
}

/// Whether the peer ran a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    Never,
    Maybe,
    /// It was reached, and refused it or failed in it.
    Begun,
}

impl InvokeError {
    pub fn execution(&self) -> Execution {
        match self {
            Self::NotExecuted(_) | Self::ObjectNotExist | Self::FacetNotExist | Self::OperationNotExist => Execution::Never,
            Self::Lost | Self::Timeout => Execution::Maybe,
            Self::User(_) | Self::Remote { .. } | Self::Malformed(_) => Execution::Begun,
        }
    }

    /// Repeated once, at once, on a new connection: what did not run, and what may run twice.
    fn is_worth_repeating(&self, mode: Mode) -> bool {
        match self {
            Self::NotExecuted(NotExecuted::NotSent | NotExecuted::ClosedByPeer) => true,
            Self::Lost => mode != Mode::Normal,
            _ => false,
        }
    }
}

impl From<CallError> for InvokeError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent => Self::NotExecuted(NotExecuted::NotSent),
            CallError::ClosedByPeer => Self::NotExecuted(NotExecuted::ClosedByPeer),
            CallError::TooLarge { size, limit } => Self::NotExecuted(NotExecuted::TooLarge { size, limit }),
            CallError::Lost => Self::Lost,
            CallError::Timeout => Self::Timeout,
            CallError::ObjectNotExist => Self::ObjectNotExist,
            CallError::FacetNotExist => Self::FacetNotExist,
            CallError::OperationNotExist => Self::OperationNotExist,
            CallError::User(exception) => Self::User(exception),
            CallError::Unknown { status, text } => Self::Remote { status, text },
            CallError::Malformed(error) => Self::Malformed(error),
        }
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExecuted(NotExecuted::Dial(error)) => write!(f, "{error}"),
            Self::NotExecuted(NotExecuted::NotSent) => f.write_str("not sent in time"),
            Self::NotExecuted(NotExecuted::ClosedByPeer) => f.write_str("not run, the peer closed the connection"),
            Self::NotExecuted(NotExecuted::TooLarge { size, limit }) => write!(f, "message is {size} bytes, the limit is {limit}"),
            Self::NotExecuted(NotExecuted::ClientClosed) => f.write_str("the client is closed"),
            Self::Lost => f.write_str("outcome unknown, the connection was lost"),
            Self::Timeout => f.write_str("outcome unknown, no reply in time"),
            Self::User(_) => f.write_str("refused by a user exception"),
            Self::ObjectNotExist => f.write_str("no such object"),
            Self::FacetNotExist => f.write_str("no such facet"),
            Self::OperationNotExist => f.write_str("no such operation"),
            Self::Remote { status, .. } => write!(f, "failed over there with status {status}"),
            Self::Malformed(error) => write!(f, "malformed reply: {error}"),
        }
    }
}

impl std::error::Error for InvokeError {}

/// A call on its way to the driver.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) request: Request,
    pub(super) deadline: Instant,
    pub(super) done: oneshot::Sender<Result<Encapsulation, InvokeError>>,
}

impl Order {
    pub(super) fn fail(self, error: InvokeError) {
        // Who asked may have gone.
        drop(self.done.send(Err(error)));
    }
}

/// An object of a [`super::Client`]. Cheap to clone; does not keep the connection alive.
#[derive(Clone, Debug)]
pub struct Proxy {
    identity: Identity,
    facet: String,
    orders: mpsc::Sender<Order>,
    connections: Arc<AtomicU64>,
    /// Of one call.
    time: Duration,
}

impl Proxy {
    pub(super) fn new(address: &Address, orders: mpsc::Sender<Order>, connections: Arc<AtomicU64>, time: Duration) -> Self {
        Self { identity: address.identity.clone(), facet: address.facet.clone(), orders, connections, time }
    }

    /// The same connection, another object or facet.
    pub fn object(&self, identity: Identity, facet: &str) -> Self {
        Self { identity, facet: facet.to_owned(), ..self.clone() }
    }

    /// How many connections were made so far: what was learned about the peer holds while this stays.
    pub fn connection(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Calls `operation`; `params` in encoding 1.1. What certainly did not run is repeated once on a new connection, and what
    /// was lost is, unless `mode` is Normal. What a timeout ended is not.
    pub async fn invoke(&self, operation: &str, mode: Mode, context: &Context, params: Bytes) -> Result<Outcome, InvokeError> {
        let request = Request {
            identity: self.identity.clone(),
            facet: self.facet.clone(),
            operation: operation.to_owned(),
            mode,
            context: context.clone(),
            params: Encapsulation::v1_1(params),
        };
        let deadline = now() + self.time;
        match self.once(request.clone(), deadline).await {
            Err(error) if error.is_worth_repeating(mode) && now() < deadline => self.once(request, deadline).await,
            outcome => outcome,
        }
    }

    async fn once(&self, request: Request, deadline: Instant) -> Result<Outcome, InvokeError> {
        let (done, outcome) = oneshot::channel();
        let closed = InvokeError::NotExecuted(NotExecuted::ClientClosed);
        self.orders.send(Order { request, deadline, done }).await.map_err(|_| closed)?;
        // Without an answer the driver was cut off.
        outcome.await.unwrap_or(Err(InvokeError::Lost))
    }
}
