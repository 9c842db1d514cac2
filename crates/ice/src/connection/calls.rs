//! Our own calls: those held back, and those in flight.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use crate::encoding::{DecodeError, Encapsulation};
use crate::limits::Limits;
use crate::reply::Reply;
use crate::request::Request;

/// The caller's name for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// A request of ours that waits for its reply.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: CallId,
    pub request: Request,
    pub deadline: Instant,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// It never left: certainly not run.
    NotSent,
    /// The peer closed gracefully: certainly not run.
    ClosedByPeer,
    /// The connection ended under it: may have run.
    Lost,
    /// No reply in time: may have run, or may still.
    Timeout,
    /// It is larger than a message may be: not sent. Bytes, and how many may be.
    TooLarge {
        size: usize,
        limit: usize,
    },
    ObjectNotExist,
    FacetNotExist,
    OperationNotExist,
    /// A user exception, to be read by who knows the interface.
    User(Encapsulation),
    /// Status 5 and above, and the peer's text.
    Unknown {
        status: u8,
        text: String,
    },
    /// It ran, and its reply cannot be read.
    Malformed(DecodeError),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("not sent"),
            Self::ClosedByPeer => f.write_str("not run, the peer closed the connection"),
            Self::Lost => f.write_str("outcome unknown, the connection was lost"),
            Self::Timeout => f.write_str("outcome unknown, no reply in time"),
            Self::TooLarge { size, limit } => write!(f, "message is {size} bytes, the limit is {limit}"),
            Self::ObjectNotExist => f.write_str("no such object"),
            Self::FacetNotExist => f.write_str("no such facet"),
            Self::OperationNotExist => f.write_str("no such operation"),
            Self::User(_) => f.write_str("a user exception"),
            Self::Unknown { status, .. } => write!(f, "status {status}"),
            Self::Malformed(error) => write!(f, "malformed reply: {error}"),
        }
    }
}

impl std::error::Error for CallError {}

/// What a reply means to the caller.
pub(super) fn outcome(reply: Result<Reply, DecodeError>) -> Result<Encapsulation, CallError> {
    match reply.map_err(CallError::Malformed)? {
        Reply::Ok(result) => Ok(result),
        Reply::User(exception) => Err(CallError::User(exception)),
        Reply::ObjectNotExist(_) => Err(CallError::ObjectNotExist),
        Reply::FacetNotExist(_) => Err(CallError::FacetNotExist),
        Reply::OperationNotExist(_) => Err(CallError::OperationNotExist),
        Reply::Unknown { status, text } => Err(CallError::Unknown { status, text }),
    }
}

type Ended = (CallId, CallError);

#[derive(Debug, Default)]
pub(super) struct Calls {
    held: VecDeque<Call>,
    /// By request id.
    sent: BTreeMap<i32, (CallId, Instant)>,
    deadlines: BTreeSet<(Instant, i32)>,
    last_id: i32,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.held.len() + self.sent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn hold(&mut self, call: Call, limits: &Limits) -> Result<(), Ended> {
        if self.len() >= limits.calls {
            return Err((call.id, CallError::NotSent));
        }
        self.held.push_back(call);
        Ok(())
    }

    pub(super) fn release(&mut self) -> VecDeque<Call> {
        std::mem::take(&mut self.held)
    }

    /// As if so many calls had been made.
    #[cfg(test)]
    pub(super) fn jump(&mut self, last_id: i32) {
        self.last_id = last_id;
    }

    /// The message to be sent.
    pub(super) fn begin(&mut self, call: Call, limits: &Limits) -> Result<Bytes, Ended> {
        if self.len() >= limits.calls {
            return Err((call.id, CallError::NotSent));
        }
        let id = self.free_id();
        let message = call.request.message(id);
        if message.len() > limits.message {
            return Err((call.id, CallError::TooLarge { size: message.len(), limit: limits.message }));
        }
        self.sent.insert(id, (call.id, call.deadline));
        self.deadlines.insert((call.deadline, id));
        Ok(message)
    }

    /// From 1 to 2^31 - 1, and again from 1; not one in flight.
    fn free_id(&mut self) -> i32 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.sent.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    pub(super) fn finish(&mut self, id: i32) -> Option<CallId> {
        let (call, deadline) = self.sent.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        Some(call)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let held = self.held.iter().map(|call| call.deadline);
        held.chain(self.deadlines.first().map(|(at, _)| *at)).min()
    }

    /// Those whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Ended> {
        let (late, held) = self.release().into_iter().partition(|call| call.deadline <= now);
        self.held = held;
        let late: VecDeque<Call> = late;
        let mut ended: Vec<Ended> = late.into_iter().map(|call| (call.id, CallError::NotSent)).collect();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            ended.extend(self.finish(id).map(|call| (call, CallError::Timeout)));
        }
        ended
    }

    /// All of them, as the connection ends; those in flight with `unknown`.
    pub(super) fn abandon(&mut self, unknown: CallError) -> Vec<Ended> {
        let held = self.release().into_iter().map(|call| (call.id, CallError::NotSent));
        let sent = std::mem::take(&mut self.sent).into_values().map(|(call, _)| (call, unknown.clone()));
        self.deadlines.clear();
        held.chain(sent).collect()
    }
}
