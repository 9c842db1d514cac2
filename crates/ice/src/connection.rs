//! One connection's machine, either role; after the set-up it is symmetric. It reads no clock and opens no socket.
//!
//! Bytes, calls, answers and `now` in; bytes, dispatches, results and deadlines out. A graceful end (CloseConnection) promises
//! that what was not begun never will be; any other end leaves the calls in flight [`CallError::Lost`]. Nothing is read while as
//! many requests run as may, so that memory is bounded by the limits.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

mod answer;
mod calls;
mod inbox;
mod times;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use calls::{Call, CallError, CallId};

use answer::Running;
use calls::Calls;
use inbox::{Batch, Message};
use times::Times;

use crate::encoding::Encapsulation;
use crate::header::{self, Violation};
use crate::limits::Limits;
use crate::reply::Reply;
use crate::request::Request;

/// Names one dispatch of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

#[derive(Debug)]
pub enum Input<'a> {
    /// In any pieces.
    Bytes(&'a [u8]),
    /// The peer's FIN, or the socket's failure.
    Eof,
    Call(Call),
    Answer(Ticket, Answer),
    /// End gracefully: what runs may finish, what comes is not begun any more.
    Drain,
}

#[derive(Debug, PartialEq)]
pub enum Output {
    Send(Bytes),
    /// To be answered, also where nobody waits for it.
    Dispatch(Ticket, Request),
    Done(CallId, Result<Encapsulation, CallError>),
    /// Whether the socket is to be read.
    Reading(bool),
    /// Close the socket once what was to be sent is sent. The last output.
    Close(Reason),
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer sent CloseConnection.
    PeerClosed,
    /// The peer's FIN or RST without it.
    Ended,
    /// We sent CloseConnection, and the FIN came, or did not in time.
    Closed,
    Violation(Violation),
    /// No ValidateConnection in time.
    NotValidated,
    /// A message began and did not end in time.
    Unfinished,
    /// No heartbeat from a peer that used to send them.
    Silent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::Ended => f.write_str("cut"),
            Self::Closed => f.write_str("closed"),
            Self::Violation(violation) => write!(f, "{violation}"),
            Self::NotValidated => f.write_str("not set up in time"),
            Self::Unfinished => f.write_str("a message did not end in time"),
            Self::Silent => f.write_str("no heartbeat in time"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A client's, before the server has spoken.
    Unvalidated,
    Open,
    /// Waits for what runs.
    Draining,
    /// Has sent CloseConnection, waits for the FIN.
    Closing,
    Closed,
}

#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    phase: Phase,
    /// What has come and was not taken yet.
    input: BytesMut,
    batch: Option<Batch>,
    running: HashMap<Ticket, Running>,
    tickets: u64,
    calls: Calls,
    times: Times,
    reading: bool,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// Has ValidateConnection to send at once.
    pub fn server(now: Instant, limits: Limits) -> Self {
        let mut connection = Self::new(now, limits, Phase::Open);
        connection.send(now, Bytes::from_static(&header::VALIDATE));
        connection
    }

    /// Holds calls back until it has read ValidateConnection.
    pub fn client(now: Instant, limits: Limits) -> Self {
        Self::new(now, limits, Phase::Unvalidated)
    }

    fn new(now: Instant, limits: Limits, phase: Phase) -> Self {
        Self {
            limits,
            phase,
            input: BytesMut::new(),
            batch: None,
            running: HashMap::new(),
            tickets: 0,
            calls: Calls::default(),
            times: Times::new(now),
            reading: true,
            outputs: VecDeque::new(),
        }
    }

    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Eof => self.eof(),
            Input::Call(call) => self.call(now, call),
            Input::Answer(ticket, answer) => self.answer(now, ticket, answer),
            Input::Drain => self.drain(now),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for (id, error) in self.calls.expire(now) {
            self.outputs.push_back(Output::Done(id, Err(error)));
        }
        match self.phase {
            Phase::Unvalidated if now >= self.times.began_at(self.limits.setup) => self.close(Reason::NotValidated),
            Phase::Closing if now >= self.times.closing_at(self.limits.close) => self.close(Reason::Closed),
            Phase::Open | Phase::Draining => self.tick(now),
            Phase::Unvalidated | Phase::Closing | Phase::Closed => {}
        }
        self.settle(now);
    }

    fn tick(&mut self, now: Instant) {
        if self.times.unfinished_at(self.limits.message_time).is_some_and(|at| now >= at) {
            return self.close(Reason::Unfinished);
        }
        if self.silent_at().is_some_and(|at| now >= at) {
            return if self.is_idle() { self.begin_close(now) } else { self.close(Reason::Silent) };
        }
        if self.unused_at().is_some_and(|at| now >= at) {
            return self.begin_close(now);
        }
        if now >= self.times.heartbeat_at(self.limits.heartbeat) {
            self.send(now, Bytes::from_static(&header::VALIDATE));
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Unvalidated => Some(self.times.began_at(self.limits.setup)),
            Phase::Closing => Some(self.times.closing_at(self.limits.close)),
            Phase::Open | Phase::Draining => {
                let heartbeat = self.times.heartbeat_at(self.limits.heartbeat);
                let unfinished = self.times.unfinished_at(self.limits.message_time);
                [Some(heartbeat), unfinished, self.silent_at(), self.unused_at()].into_iter().flatten().min()
            }
            Phase::Closed => None,
        };
        [phase, self.calls.deadline()].into_iter().flatten().min()
    }

    /// Bytes that came and are kept, whole messages and begun ones.
    pub fn buffered(&self) -> usize {
        self.input.len() + self.batch.as_ref().map_or(0, Batch::len)
    }

    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The set-up is over.
    pub fn is_validated(&self) -> bool {
        self.phase != Phase::Unvalidated
    }

    /// Requests that run.
    pub fn dispatches(&self) -> usize {
        self.running.len()
    }

    /// One more call would be in flight within the limit.
    pub fn may_call(&self) -> bool {
        self.calls.len() < self.limits.calls
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.calls.is_empty() && self.batch.is_none()
    }

    /// A peer that we do not read cannot be heard.
    fn silent_at(&self) -> Option<Instant> {
        self.times.silent_at(self.limits.silence).filter(|_| self.reading)
    }

    fn unused_at(&self) -> Option<Instant> {
        self.limits.unused.filter(|_| self.phase == Phase::Open && self.is_idle()).map(|unused| self.times.unused_at(unused))
    }

    fn send(&mut self, now: Instant, bytes: Bytes) {
        self.times.wrote(now);
        self.outputs.push_back(Output::Send(bytes));
    }

    fn bytes(&mut self, now: Instant, bytes: &[u8]) {
        if self.phase == Phase::Closed {
            return;
        }
        self.times.read(now);
        self.input.extend_from_slice(bytes);
        self.advance(now);
    }

    /// Takes what can be taken: requests while as many may run.
    fn advance(&mut self, now: Instant) {
        while self.may_take() {
            match self.next_message() {
                Ok(Some(message)) => self.message(now, message),
                Ok(None) => break,
                Err(violation) => return self.close(Reason::Violation(violation)),
            }
        }
        self.note_unfinished(now);
        self.note_reading();
        self.settle(now);
    }

    fn may_take(&self) -> bool {
        match self.phase {
            Phase::Unvalidated | Phase::Open => self.running.len() < self.limits.dispatches,
            Phase::Draining | Phase::Closing => true,
            Phase::Closed => false,
        }
    }

    fn next_message(&mut self) -> Result<Option<Message>, Violation> {
        match &mut self.batch {
            Some(batch) => {
                let request = batch.next_request(&self.limits)?;
                self.batch = self.batch.take().filter(|batch| !batch.is_empty());
                Ok(Some(Message::Request(0, request)))
            }
            None => inbox::take(&mut self.input, &self.limits),
        }
    }

    fn message(&mut self, now: Instant, message: Message) {
        self.times.finished();
        match (self.phase, message) {
            (Phase::Unvalidated, Message::Validate) => self.validated(now),
            (Phase::Unvalidated, _) => self.close(Reason::Violation(Violation::NotValidated)),
            (_, Message::Validate) => self.times.heard_heartbeat(),
            (_, Message::Close) => self.close(if self.phase == Phase::Closing { Reason::Closed } else { Reason::PeerClosed }),
            (_, Message::Reply(id, reply)) => self.reply(now, id, reply),
            (Phase::Open, Message::Request(id, request)) => self.request(now, id, request),
            (Phase::Open, Message::Batch(batch)) => self.batch = Some(batch).filter(|batch| !batch.is_empty()),
            // What comes from now on is not begun, and CloseConnection says so.
            (Phase::Draining | Phase::Closing | Phase::Closed, Message::Request(..) | Message::Batch(_)) => {}
        }
    }

    fn validated(&mut self, now: Instant) {
        self.phase = Phase::Open;
        for call in self.calls.release() {
            self.call(now, call);
        }
    }

    fn request(&mut self, now: Instant, id: i32, request: Result<Request, crate::DecodeError>) {
        let request = match request {
            Ok(request) => request,
            Err(error) if id != 0 => return self.send(now, Reply::bad_request(error.text()).message(id)),
            Err(_) => return,
        };
        self.times.used(now);
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.running.insert(ticket, Running::new(id, &request));
        self.outputs.push_back(Output::Dispatch(ticket, request));
    }

    fn answer(&mut self, now: Instant, ticket: Ticket, answer: Answer) {
        let Some(running) = self.running.remove(&ticket).filter(|_| self.phase != Phase::Closed) else { return };
        self.times.used(now);
        if let Some(reply) = running.reply(answer, self.limits.message) {
            self.send(now, reply);
        }
        self.advance(now);
    }

    fn call(&mut self, now: Instant, call: Call) {
        let admitted = match self.phase {
            Phase::Unvalidated => self.calls.hold(call, &self.limits).map(|()| None),
            Phase::Open => self.calls.begin(call, &self.limits).map(Some),
            Phase::Draining | Phase::Closing | Phase::Closed => Err((call.id, CallError::NotSent)),
        };
        match admitted {
            Ok(Some(message)) => {
                self.times.used(now);
                self.send(now, message);
            }
            Ok(None) => {}
            Err((id, error)) => self.outputs.push_back(Output::Done(id, Err(error))),
        }
    }

    fn reply(&mut self, now: Instant, id: i32, reply: Result<Reply, crate::DecodeError>) {
        // Nobody waits any more for the late reply of a call that timed out.
        let Some(call) = self.calls.finish(id) else { return };
        self.times.used(now);
        self.outputs.push_back(Output::Done(call, calls::outcome(reply)));
    }

    fn drain(&mut self, now: Instant) {
        match self.phase {
            Phase::Unvalidated => self.close(Reason::Closed),
            Phase::Open => {
                self.phase = Phase::Draining;
                self.batch = None;
                self.advance(now);
            }
            Phase::Draining | Phase::Closing | Phase::Closed => {}
        }
    }

    /// The end of draining.
    fn settle(&mut self, now: Instant) {
        if self.phase == Phase::Draining && self.is_idle() {
            self.begin_close(now);
        }
    }

    fn begin_close(&mut self, now: Instant) {
        self.phase = Phase::Closing;
        self.times.closing(now);
        self.send(now, Bytes::from_static(&header::CLOSE));
        self.note_reading();
    }

    fn eof(&mut self) {
        self.close(if self.phase == Phase::Closing { Reason::Closed } else { Reason::Ended });
    }

    fn close(&mut self, reason: Reason) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        self.input = BytesMut::new();
        self.batch = None;
        let unknown = if reason == Reason::PeerClosed { CallError::ClosedByPeer } else { CallError::Lost };
        for (id, error) in self.calls.abandon(unknown) {
            self.outputs.push_back(Output::Done(id, Err(error)));
        }
        self.outputs.push_back(Output::Close(reason));
    }

    /// A message that has begun must end; not while we do not read it.
    fn note_unfinished(&mut self, now: Instant) {
        self.times.unfinished(now, !self.input.is_empty() && self.may_take());
    }

    fn note_reading(&mut self) {
        let reading = self.may_take() && self.batch.is_none();
        if reading != self.reading && self.phase != Phase::Closed {
            self.reading = reading;
            self.outputs.push_back(Output::Reading(reading));
        }
    }
}
