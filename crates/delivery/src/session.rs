//! One device's connection as a machine: what it may get next, and what its answers prove.
//!
//! `Anonymous` -> `Registering` -> `Registered` (its [`Stream`] is shut while the app attaches its listener, then replays,
//! then is live, or behind) -> closing. It nests the Engine.IO machine. It knows no other socket, no store and no clock:
//! what needs them it leaves as an [`Effect`] to the roster.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tidings_engineio::{Action, By, Data, Engine, Event, Goodbye, Input, Link, Moment, Opening, Outgoing, Reason, Revision};
use tidings_model::{
    AppNo, Attached, Claim, Code, Dev, DeviceId, Millis, Page, Position, Print, Proof, Refusal, RegNo, SocketId, Token, Uid,
};
use tidings_socketio::attachments::Pending;

mod admitting;
mod apps;
mod hearing;
mod proving;
mod writing;

pub(crate) use writing::{broadcast_frame, namespace};

use crate::context::{Context, Effect};
use crate::encoded::Encoded;
use crate::intent::refusal_json;
use crate::mark::Epoch;
use crate::output::{Output, Ticket};
use crate::proof::{Outstanding, Proving};
use crate::query::Hello;
use crate::rate::Rates;
use crate::stream::{Flow, Stream};

/// A socket that has not registered for so long is told of in the log, once.
const UNREGISTERED: Duration = Duration::from_secs(30);
/// How long `_register` waits for an answer behind it before the listening delay starts anyway.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A registering socket may have so many events waiting behind its `register`.
const HELD_EVENTS: usize = 64;
const HELD_BYTES: usize = 64 * 1024;
/// A session on polling holds so much for its next GETs; the rest waits in the stream.
const POLL_PACKETS: usize = 32;
const POLL_BYTES: usize = 256 * 1024;
/// After a last question a draining socket is given so long.
const DRAIN_WITHIN: Duration = Duration::from_millis(600);

/// What is known of the client behind a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) addr: IpAddr,
    pub(crate) print: Print,
    /// A Java agent: it follows a 302 on its polls, and repeats with it.
    pub(crate) follows_redirects: bool,
    /// A WebSocket pong may come from a proxy: it proves nothing.
    pub(crate) pongs_prove: bool,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Anonymous,
    Registering(Box<Registering>),
    Registered(Box<Registered>),
}

/// Whom a socket wants to be.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A verifier has to be asked.
    Claimed(Box<Claim>),
    /// It was asked.
    Checking,
    /// Nobody says otherwise.
    Known(Uid),
}

/// A `register` is with the verifier, with the writer, or on its way to its worker.
#[derive(Debug)]
pub(crate) struct Registering {
    pub(crate) wish: Wish,
    pub(crate) device_id: Option<DeviceId>,
    pub(crate) socket: SocketId,
    /// From the handshake: no `_register` follows.
    pub(crate) silent: bool,
    pub(crate) ack: Option<u64>,
    pub(crate) asked: bool,
    /// Who the socket is until the answer.
    pub(crate) previous: Option<Box<Registered>>,
    /// Who it was before it went to another worker for this: a failed `register` changes nothing, so it goes back.
    back: Option<Back>,
    /// Events that came behind the `register`.
    held: VecDeque<Held>,
    held_bytes: usize,
}

/// A registration to return to.
#[derive(Debug)]
struct Back {
    uid: Uid,
    device_id: Option<DeviceId>,
}

#[derive(Debug)]
struct Held {
    name: String,
    args: Vec<String>,
    ack: Option<u64>,
}

/// Whose socket it is.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) reg: RegNo,
    pub(crate) uid: Uid,
    pub(crate) device_id: Option<DeviceId>,
    pub(crate) token: Token,
    pub(crate) socket: SocketId,
    /// None: an extra, live only.
    pub(crate) dev: Option<Dev>,
    pub(crate) proving: Proving,
    pub(crate) outstanding: Outstanding,
    listening: Listening,
    /// A displaced socket wants to become a device of its own when it answers.
    pub(crate) adopting: Adopting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adopting {
    No,
    /// It was asked for a proof: the answer has this serial, or a later one.
    Waiting {
        serial: u32,
    },
    /// It has answered; where that has to wait out its 250 ms, it is counted then.
    Answered,
    /// The writer was asked.
    Asked,
}

/// A registration that this socket has left: proofs of what it was given then still count.
#[derive(Debug)]
pub(crate) struct Former {
    epoch: Epoch,
    pub(crate) dev: Dev,
    given: Position,
    proving: Proving,
}

/// An earlier life of a socket.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Registrations that it served, and what of theirs may still get proven.
    formers: Vec<Former>,
    /// Broadcasts in these (from, upto] were given to this very socket.
    had: Vec<(Position, Position)>,
}

impl Registered {
    /// Nobody doubts that what it was given has met a listener.
    fn has_listened(&self) -> bool {
        !matches!(self.listening, Listening::Unsure { .. })
    }
}

impl Former {
    fn is_unproven(&self) -> bool {
        self.proving.proven < self.given
    }
}

/// So many earlier registrations of a socket are remembered.
const FORMERS: usize = 8;

/// A legacy app may attach its listener some time after `_register`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listening {
    /// Until the client has answered question or answer `serial`, at most until `give_up`.
    Unanswered {
        serial: u32,
        give_up: Moment,
    },
    Until(Moment),
    /// It has not answered in time: messages follow, and none of them is proven before it has.
    Unsure {
        serial: u32,
        until: Option<Moment>,
    },
    Over,
}

/// A place in an app's list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) app: AppNo,
    /// `u32::MAX`: in none.
    pub(crate) place: u32,
}

impl Member {
    pub(crate) const NOBODY: Self = Self { app: AppNo::DEFAULT, place: u32::MAX };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    Never,
    Yes,
    /// By `41`.
    Left,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) tenant: u32,
    pub(crate) key: [u8; 12],
    pub(crate) peer: Peer,
    pub(crate) joined: Joined,
    pub(crate) phase: Phase,
    pub(crate) stream: Stream,
    pub(crate) epoch: Epoch,
    /// What it was before it became whose it is.
    past: Option<Box<Past>>,
    /// Whose sockets it is one of. EIO3 begins on `/`, unasked.
    pub(crate) app: AppNo,
    /// The app's namespace as it stands in packets, with its comma; None: `/`, of which nothing is written.
    namespace: Option<Arc<str>>,
    /// EIO3, beside other apps: the handshake's uid waits until it is clear which app it is for.
    undecided: bool,
    /// Its place in the app's list of members.
    pub(crate) member: Member,
    blocked: bool,
    slow: bool,
    over: bool,
    /// The last question of a stop; then the socket is closed.
    draining: Option<Moment>,
    /// A read was refused: it may be asked again then.
    read_again: Option<Moment>,
    /// SIO5: a CONNECT has to come until then. Afterwards: when it is said that nobody has registered.
    connect_by: Option<Moment>,
    /// What the roster has been told to wake us at.
    filed: Option<Moment>,
    hello: Option<Box<Hello>>,
    attachments: Option<Box<Pending>>,
    rates: Option<Box<Rates>>,
    /// Acks that the client waits for and that come from elsewhere, to this worker: until then it does not move.
    awaited: u32,
}

impl Session {
    pub(crate) fn open(cx: &mut Context<'_>, opening: &Opening<'_>, peer: Peer, tenant: u32) -> Self {
        let (slot, out) = (cx.slot, &mut *cx.out);
        let engine = Engine::open(cx.now, &cx.config.engine, opening, &mut |action| out.push_back(Output::Do(slot, action)));
        let mut session = Self {
            engine,
            tenant,
            key: opening.sid.key,
            peer,
            joined: Joined::Never,
            phase: Phase::Anonymous,
            stream: Stream::live_from(cx.processed),
            epoch: Epoch::default(),
            past: None,
            app: AppNo::DEFAULT,
            namespace: None,
            undecided: false,
            member: Member::NOBODY,
            blocked: false,
            slow: cx.config.slow_proof || !peer.pongs_prove,
            over: false,
            draining: None,
            read_again: None,
            connect_by: None,
            filed: None,
            hello: Self::hello(cx, opening.query),
            attachments: None,
            rates: None,
            awaited: 0,
        };
        let registers = session.hello.as_ref().is_some_and(|hello| hello.registers());
        if session.engine.is_stamped() || session.peer.follows_redirects || registers {
            // A `40` that is lost with its connection must come again, and must not look proven later.
            session.keep_answers(cx);
        }
        match opening.revision {
            Revision::V3 => session.join_silently(cx),
            Revision::V4 => session.connect_by = Some(cx.now + cx.config.connect_timeout),
        }
        session.settle(cx);
        session
    }

    pub(crate) fn handle_input(&mut self, cx: &mut Context<'_>, input: Input<'_>) {
        match input {
            Input::Blocked => self.blocked = true,
            Input::Drained => self.blocked = false,
            input => {
                let (slot, out) = (cx.slot, &mut *cx.out);
                let mut act = |action| out.push_back(Output::Do(slot, action));
                let events = self.engine.handle_input(cx.now, &cx.config.engine, input, &mut act);
                self.handle_events(cx, events);
            }
        }
        self.settle(cx);
    }

    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.filed = None;
        let (slot, out) = (cx.slot, &mut *cx.out);
        let mut act = |action| out.push_back(Output::Do(slot, action));
        let events = self.engine.handle_timeout(cx.now, &cx.config.engine, &mut act);
        self.handle_events(cx, events);
        if self.connect_by.is_some_and(|by| cx.now >= by) {
            self.connect_by = None;
            self.time_joining(cx);
        }
        self.time_proofs(cx);
        self.time_listening(cx);
        if self.draining.is_some_and(|by| cx.now >= by) {
            self.close(cx, Goodbye::Fin);
        }
        self.settle(cx);
    }

    fn time_joining(&mut self, cx: &mut Context<'_>) {
        if self.undecided {
            return self.decide(cx);
        }
        match (self.joined, &self.phase) {
            (Joined::Never, _) => self.close(cx, Goodbye::Fin),
            (Joined::Yes, Phase::Anonymous) => {
                tracing::debug!(slot = cx.slot, addr = %self.peer.addr, "a socket has not registered: it gets broadcasts only");
            }
            (Joined::Yes | Joined::Left, _) => {}
        }
    }

    fn handle_events<'a>(&mut self, cx: &mut Context<'_>, events: impl IntoIterator<Item = Event<'a>>) {
        for event in events {
            if self.over {
                return;
            }
            match event {
                Event::Message(Data::Text(text)) => self.hear_text(cx, &text),
                Event::Message(Data::Binary(bytes)) => self.hear_binary(cx, &bytes),
                Event::Answered { serial, mark, by } => self.answered(cx, serial, mark, by),
                Event::Unanswered => self.unanswered(cx),
                Event::Upgraded => self.ask_if_unproven(cx),
                Event::Closed(reason) => self.closed(cx, reason),
            }
        }
    }

    /// What every touch of a session ends with: what may leave leaves, and the next deadline is filed.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>) {
        if self.over {
            return;
        }
        self.pump(cx);
        let (slot, out) = (cx.slot, &mut *cx.out);
        self.engine.flush(&mut |action| out.push_back(Output::Do(slot, action)));
        self.file(cx);
    }

    fn file(&mut self, cx: &mut Context<'_>) {
        let Some(due) = self.due(cx) else { return };
        if self.filed.is_none_or(|filed| due < filed) {
            self.filed = Some(due);
            cx.out.push_back(Output::Wake(cx.slot, due));
        }
    }

    fn due(&self, cx: &Context<'_>) -> Option<Moment> {
        let registered = self.registered();
        let listening = registered.and_then(|registered| match registered.listening {
            Listening::Unanswered { give_up, .. } => Some(give_up),
            Listening::Until(at) => Some(at),
            Listening::Unsure { until, .. } => until,
            Listening::Over => None,
        });
        let proving = registered.and_then(|registered| registered.proving.due());
        let all = [self.engine.poll_timeout(&cx.config.engine), listening, proving, self.connect_by, self.draining, self.read_again];
        all.into_iter().flatten().min()
    }

    /// Who the socket is now: also while it registers as somebody else.
    pub(crate) fn registered(&self) -> Option<&Registered> {
        match &self.phase {
            Phase::Registered(registered) => Some(registered),
            Phase::Registering(registering) => registering.previous.as_deref(),
            Phase::Anonymous => None,
        }
    }

    pub(crate) fn registered_mut(&mut self) -> Option<&mut Registered> {
        match &mut self.phase {
            Phase::Registered(registered) => Some(registered),
            Phase::Registering(registering) => registering.previous.as_deref_mut(),
            Phase::Anonymous => None,
        }
    }

    pub(crate) fn is_member(&self) -> bool {
        self.joined == Joined::Yes && !self.hello.as_ref().is_some_and(|hello| hello.wants_two)
    }

    pub(crate) fn ticket(&self, slot: u32) -> Ticket {
        Ticket { slot, tenant: self.tenant, ack: None }
    }

    /// How far in the log this registration was written to.
    pub(crate) fn written(&self) -> Position {
        let (epoch, at) = Epoch::of(self.engine.written());
        if epoch == self.epoch { at } else { Position::ZERO }
    }

    /// Another socket has its device: what it has not told yet is not told any more.
    pub(crate) fn disown(&mut self, _cx: &mut Context<'_>) {
        if let Some(registered) = self.registered_mut() {
            registered.dev = None;
            registered.proving.disown();
        }
    }

    pub(crate) fn forget_deadline(&mut self) {
        self.filed = None;
    }

    /// The same broadcasts in the same shape as everybody: the walk may write a shared frame.
    pub(crate) fn is_flowing(&self) -> bool {
        self.stream.is_flowing() && !self.blocked && self.engine.is_on_socket()
    }

    pub(crate) fn close(&mut self, cx: &mut Context<'_>, goodbye: Goodbye) {
        let (slot, out) = (cx.slot, &mut *cx.out);
        if self.engine.close(cx.now, goodbye, &mut |action| out.push_back(Output::Do(slot, action))) {
            self.closed(cx, Reason::Closed);
        } else {
            self.file(cx);
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>, reason: Reason) {
        if self.over {
            return;
        }
        self.over = true;
        // What was answered less than 250 ms before the end proves nothing.
        if let Some(registered) = self.registered_mut() {
            registered.proving.forget_held();
        }
        tracing::debug!(slot = cx.slot, ?reason, "session closed");
        cx.effect(Effect::Closed);
    }

    /// The process stops: one last question, then the end.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) {
        if self.over {
            return;
        }
        let unproven = self.registered().is_some_and(|registered| registered.dev.is_some()) && self.has_unproven();
        if unproven && self.engine.is_on_socket() {
            self.ask(cx);
            self.draining = Some(cx.now + DRAIN_WITHIN);
            self.file(cx);
        } else {
            self.end(cx);
        }
    }

    /// Ends at once, whatever waits.
    pub(crate) fn end(&mut self, cx: &mut Context<'_>) {
        self.close(cx, Goodbye::Fin);
        self.closed(cx, Reason::Closed);
    }

    fn violate(&mut self, cx: &mut Context<'_>) {
        self.close(cx, Goodbye::Fin);
    }
}
