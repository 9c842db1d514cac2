//! What a worker drives: a house of sessions with the same few verbs, whoever lives in it.
//!
//! The devices' door wraps `delivery`; the conformance fixtures are another. A worker moves bytes and time and
//! decides nothing: it does not know what a session is for.

use std::net::IpAddr;

use bytes::Bytes;
use tidings_engineio::{Action, Input, Moment, Opening, Response, Sid};

/// A session's place in its worker's house; stable for its life there, then reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// What the worker knows of a client beyond the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    pub addr: IpAddr,
    /// The User-Agent header, as it came.
    pub agent: &'a str,
    /// The request came through a proxy: `Via`, `Forwarded` or `X-Forwarded-For`, or from a trusted one.
    pub proxied: bool,
    /// ... and that proxy is one of `trusted_proxies`.
    pub trusted: bool,
    /// Which of the door's paths it asked for.
    pub place: usize,
}

/// A request outside of the door's paths, where `Config::visits` lets them in.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// Behind the `?`, as it came.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The connection that a visit's answer goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visitor(pub(crate) u64);

/// An answer to a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
}

/// What a house makes of a visit.
#[derive(Debug)]
pub enum Reception {
    /// There is nothing at that path.
    Unknown,
    Answer(Document),
    /// An [`Output::Answer`] follows; within the body's deadline, or the connection is closed.
    Later,
}

/// Where a session id leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Here(Slot),
    /// Pass the connection on, with the bytes read.
    Elsewhere {
        worker: u16,
    },
    Unknown,
}

/// One thing that a house wants done.
#[derive(Debug)]
pub enum Output {
    Do(Slot, Action),
    /// Call `timeout` for this slot at `at` at the latest. It never cancels an earlier wish; calls too early are harmless.
    Wake(Slot, Moment),
    /// Once the current turn's input is consumed: the session goes to that worker, with its connections and unread bytes.
    Move(Slot, u16),
    /// To a visit that was received with `Later`.
    Answer(Visitor, Document),
    /// The session is over: the slot is free. Connections that it still has are ended with FIN
    /// (an open GET or POST that was not answered too).
    Gone(Slot),
}

/// A house of sessions on one worker.
pub trait Door: Send + 'static {
    /// What other threads tell this worker: answers, facts, pages.
    type Mail: Send + 'static;
    /// A session on its way to another worker.
    type Traveller: Send + 'static;

    /// The slot that the next `open` will use: it is part of the sid.
    fn vacancy(&self) -> Slot;
    /// A first request. Err: answer this and forget it. Ok: outputs for `vacancy()`'s slot follow.
    fn open(&mut self, now: Moment, opening: Opening<'_>, client: Client<'_>) -> Result<(), Response>;
    fn find(&self, sid: &Sid) -> Found;
    fn input(&mut self, now: Moment, slot: Slot, input: Input<'_>);
    fn timeout(&mut self, now: Moment, slot: Slot);
    fn visit(&mut self, now: Moment, visitor: Visitor, visit: Visit<'_>) -> Reception {
        let _ = (now, visitor, visit);
        Reception::Unknown
    }
    fn mail(&mut self, now: Moment, mail: Self::Mail);
    /// Everything that input, timeouts and mail led to. Drained after each of them; a long walk may give a slice at a
    /// time and say by `has_more` that it wants to be asked again after the worker has served its reads.
    fn output(&mut self) -> Option<Output>;
    fn has_more(&self) -> bool {
        false
    }
    /// The worker goes to sleep after this: hand over what was batched. Some: not for longer than until then.
    fn rest(&mut self, now: Moment) -> Option<Moment> {
        let _ = now;
        None
    }
    fn depart(&mut self, slot: Slot, to: u16) -> Self::Traveller;
    /// Takes a session in, at `vacancy()`'s slot.
    fn arrive(&mut self, now: Moment, traveller: Self::Traveller) -> Slot;
    /// Sessions in the house.
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The process stops: say a last word to each session. The worker ends when `len` is 0 or its patience is.
    fn drain(&mut self, now: Moment);
}
