//! One session's machine: transports, heartbeat, upgrade, and the questions that prove arrival.
//!
//! Inputs and `now` in; [`Action`]s for the shell and [`Event`]s for what stands above out. It never looks into a message,
//! and it decides nothing about cursors: a *mark* is a number that the caller gives with what it sends and gets back when
//! the client has shown that it took it. Marks never fall.
//!
//! Questions: on EIO4 WebSockets an Engine.IO `2` (heartbeat and question are one, and one is outstanding at a time), on
//! EIO3 WebSockets a WebSocket ping frame that carries its serial. On polling only a GET with a new number answers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

mod ledger;
mod outgoing;
mod poller;

#[cfg(test)]
mod tests;

pub use outgoing::{Frame, Outgoing};

use ledger::Turn;
use outgoing::{CLOSE, NOOP, PING, PING_FRAME, PONG, PONG_FRAME, PROBE_PONG_FRAME};
use poller::{Poller, Probe, Queued, What};

use crate::websocket::{self, Message, Opcode};
use crate::{
    Action, Content, Data, Exchange, Fault, Form, Goodbye, Input, Link, Moment, Opening, Packet, PacketType, Response, Revision, Transport,
    polling,
};

/// What all sessions of a door share.
#[derive(Clone, Debug)]
pub struct Settings {
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    pub upgrade_timeout: Duration,
    /// Told in the handshake; the shell enforces it.
    pub max_payload: usize,
    /// The first heartbeat may be this much late (never early), spread by the sid; 0 in the fixtures.
    pub spread: Duration,
}

/// okhttp reads a poll for at most a minute.
const HOLD: Duration = Duration::from_secs(50);
/// A closed polling session waits this long for the GET that takes the `1`.
const LINGER: Duration = Duration::from_secs(30);

/// By what the client has shown something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// EIO4 on WebSocket: `3` to our `2`.
    Engine,
    /// EIO3 on WebSocket: a pong frame with our serial.
    Peer,
    /// EIO3 on WebSocket: the client's `2` behind our `3`.
    Slow,
    /// A GET with a new number.
    Poll,
    /// The client is alive behind it, and proves nothing.
    Nothing,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client said `1`, sent a Close frame, or its connection ended.
    Left,
    PingTimeout,
    /// What came was not the protocol.
    Violation,
    /// A kept answer was sent as often as it may be.
    Unreachable,
    /// We closed it, and the client has taken the `1` (or will not any more).
    Closed,
}

/// What stands above a session is told.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    Message(Data<'a>),
    /// The client has answered question or answer `serial`; everything written up to `mark` lies before it.
    Answered {
        serial: u32,
        mark: u64,
        by: By,
    },
    /// An EIO3 question went unanswered for pingTimeout.
    Unanswered,
    /// The WebSocket is the transport now; what waited has been written.
    Upgraded,
    Closed(Reason),
}

pub type Events<'a> = SmallVec<[Event<'a>; 2]>;
type Out<'o> = &'o mut dyn FnMut(Action);

#[derive(Clone, Copy, Debug)]
struct Question {
    serial: u32,
    mark: u64,
    since: Moment,
}

#[derive(Debug)]
enum Wire {
    Polling(Box<Poller>),
    Socket,
    /// Closed by us on polling: the next GETs get what waits, and the `1`.
    Lingering(Box<Lingering>),
    Closed,
}

/// A session that is over, but for its last words.
#[derive(Debug)]
struct Lingering {
    until: Moment,
    poller: Box<Poller>,
}

/// One Engine.IO session.
#[derive(Debug)]
pub struct Engine {
    revision: Revision,
    base64: bool,
    wire: Wire,
    /// EIO4: when the next `2` is due. EIO3: when anything was last heard.
    beat: Moment,
    asked: Option<Question>,
    /// EIO3: the last `3` written: its serial, what lay before it, and when.
    ponged: Option<Box<Question>>,
    /// EIO4: `3`s that may come for a `2` of the polling time: while there are any, a `3` proves nothing.
    doubts: u8,
    /// The last mark written.
    written: u64,
    /// Counts questions and answers.
    serial: u32,
}

impl Engine {
    /// A new session; writes its open packet.
    pub fn open(now: Moment, settings: &Settings, opening: &Opening<'_>, out: Out<'_>) -> Self {
        let late = spread(settings.spread, &opening.sid.key);
        let mut engine = Self {
            revision: opening.revision,
            base64: opening.base64,
            wire: Wire::Socket,
            beat: match opening.revision {
                Revision::V3 => now,
                Revision::V4 => now + settings.ping_interval + late,
            },
            asked: None,
            ponged: None,
            doubts: 0,
            written: 0,
            serial: 0,
        };
        let hello = handshake(settings, opening);
        match opening.transport {
            Transport::WebSocket => out(Action::Write { link: Link::Socket, bytes: websocket::frame(Opcode::Text, hello.as_bytes()) }),
            Transport::Polling => {
                let poller = Poller::new(opening);
                out(Action::Respond { exchange: Exchange::Poll, response: poller.short(&hello, opening.jsonp) });
                engine.wire = Wire::Polling(Box::new(poller));
            }
        }
        engine
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn is_on_socket(&self) -> bool {
        matches!(self.wire, Wire::Socket)
    }

    pub fn is_polling(&self) -> bool {
        matches!(self.wire, Wire::Polling(_))
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.wire, Wire::Closed | Wire::Lingering(_))
    }

    /// Text for this session must be ASCII (EIO3 text framing).
    pub fn wants_ascii(&self) -> bool {
        match &self.wire {
            Wire::Polling(poller) => poller.wants_ascii(),
            Wire::Socket | Wire::Lingering(_) | Wire::Closed => false,
        }
    }

    /// The client stamps its GETs with `t`.
    pub fn is_stamped(&self) -> bool {
        matches!(&self.wire, Wire::Polling(poller) if poller.ledger.is_stamped())
    }

    /// Whether what was sent can be lost without the client or us knowing: on polling, while answers are not kept.
    pub fn may_lose(&self) -> bool {
        matches!(&self.wire, Wire::Polling(poller) if !poller.keeps)
    }

    /// Takes back messages that no GET has fetched yet.
    pub fn retract(&mut self) {
        if let Wire::Polling(poller) = &mut self.wire {
            poller.queue.retain(|queued| queued.mark.is_none());
        }
    }

    /// Takes back the message with this mark, if no GET has fetched it yet. True if it was there.
    pub fn withdraw(&mut self, mark: u64) -> bool {
        let Wire::Polling(poller) = &mut self.wire else { return false };
        let before = poller.queue.len();
        poller.queue.retain(|queued| queued.mark != Some(mark));
        poller.queue.len() < before
    }

    /// The client was sent to a number of ours and has never come back with one.
    pub fn never_followed(&self) -> bool {
        matches!(&self.wire, Wire::Polling(poller) if poller.ledger.never_followed())
    }

    /// The serial that the next question, or the next polling answer, will have.
    pub fn next_serial(&self) -> u32 {
        self.serial + 1
    }

    /// On polling: the answer that shows, once it is answered, that the client has all that was sent so far. None: it has.
    pub fn unanswered(&self) -> Option<u32> {
        match &self.wire {
            Wire::Polling(poller) if poller.queue.is_empty() => poller.kept.as_ref().map(|kept| kept.serial),
            Wire::Polling(_) => Some(self.serial + 1),
            Wire::Socket | Wire::Lingering(_) | Wire::Closed => None,
        }
    }

    /// The last mark written to the wire (on polling: into an answer).
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that wait for a GET.
    pub fn queued_bytes(&self) -> usize {
        match &self.wire {
            Wire::Polling(poller) => poller.bytes(),
            Wire::Socket | Wire::Lingering(_) | Wire::Closed => 0,
        }
    }

    /// Packets that wait for a GET.
    pub fn queued(&self) -> usize {
        match &self.wire {
            Wire::Polling(poller) => poller.queue.len(),
            Wire::Socket | Wire::Lingering(_) | Wire::Closed => 0,
        }
    }

    /// From now on polling answers are kept until a new number proves them; asked again it changes nothing. `redirect`: a GET
    /// without a number of its own is sent to one of ours by 302.
    pub fn keep_answers(&mut self, redirect: bool, out: Out<'_>) {
        let serial = self.serial + 1;
        let Wire::Polling(poller) = &mut self.wire else { return };
        if std::mem::replace(&mut poller.keeps, true) {
            return;
        }
        if redirect && !poller.ledger.is_stamped() {
            poller.ledger.redirect();
            // The open GET has no number: it ends, and its successor gets one.
            if let Some((response, _)) = poller.relieve(serial) {
                self.serial = serial;
                out(Action::Respond { exchange: Exchange::Poll, response });
            }
        }
    }

    /// Sends a packet; `mark` if it carries a message. `joined`: the next one belongs to the same Socket.IO packet.
    /// On polling it leaves with the next [`Engine::flush`].
    pub fn send(&mut self, what: Outgoing, mark: Option<u64>, joined: bool, out: Out<'_>) {
        match &mut self.wire {
            Wire::Polling(poller) => poller.push(What::Out(what), mark, joined),
            Wire::Socket => {
                self.written = mark.unwrap_or(self.written).max(self.written);
                let bytes = self.framed(&what);
                out(Action::Write { link: Link::Socket, bytes });
            }
            Wire::Lingering(_) | Wire::Closed => {}
        }
    }

    /// Sends a message and its question in one write. True if a question went with it.
    pub fn send_and_ask(&mut self, now: Moment, frame: &Frame, mark: u64, out: Out<'_>) -> bool {
        if !self.is_on_socket() || self.asked.is_some() || self.doubts > 0 {
            self.send(Outgoing::Text(frame.clone()), Some(mark), false, out);
            return false;
        }
        self.written = mark.max(self.written);
        let question = self.question(now);
        let mut bytes = BytesMut::with_capacity(frame.bytes().len() + question.len());
        bytes.put_slice(frame.bytes());
        bytes.put_slice(&question);
        out(Action::Write { link: Link::Socket, bytes: bytes.freeze() });
        true
    }

    /// A shared frame was written to this session's socket by the shell's own walk.
    pub fn wrote(&mut self, mark: u64) {
        self.written = mark.max(self.written);
    }

    /// Asks for a proof of everything written. False: one is outstanding already, or polling (whose GETs prove by themselves).
    pub fn ask(&mut self, now: Moment, out: Out<'_>) -> bool {
        // In doubt only the heartbeat asks, so that a surplus `3` can be told.
        let in_doubt = self.doubts > 0 && now < self.beat;
        if !self.is_on_socket() || self.asked.is_some() || in_doubt {
            return false;
        }
        let bytes = self.question(now);
        out(Action::Write { link: Link::Socket, bytes });
        true
    }

    /// On polling: the open GET, or the next one, is answered at the next [`Engine::flush`], if only by a noop, so that the client
    /// shows itself by asking again.
    pub fn prod(&mut self) {
        if let Wire::Polling(poller) = &mut self.wire {
            poller.prodded = true;
        }
    }

    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn question(&mut self, now: Moment) -> Bytes {
        self.serial += 1;
        self.asked = Some(Question { serial: self.serial, mark: self.written, since: now });
        match self.revision {
            Revision::V4 => Bytes::from_static(PING_FRAME),
            Revision::V3 => websocket::frame(Opcode::Ping, &self.serial.to_be_bytes()),
        }
    }

    /// Lets what is queued leave by the open GET. Call it after each input and whatever was sent because of it.
    pub fn flush(&mut self, out: Out<'_>) {
        let serial = self.serial + 1;
        let Wire::Polling(poller) = &mut self.wire else { return };
        if let Some((response, mark)) = poller.answer(serial) {
            self.serial = serial;
            self.written = self.written.max(mark);
            out(Action::Respond { exchange: Exchange::Poll, response });
        }
    }

    /// Ends the session from our side. On polling the client is told by `1`: if no GET is open, [`Event::Closed`] follows
    /// when one has taken it, or after 30 s. True if the session is over at once.
    pub fn close(&mut self, now: Moment, goodbye: Goodbye, out: Out<'_>) -> bool {
        match &mut self.wire {
            Wire::Socket => {
                self.wire = Wire::Closed;
                out(Action::Shut { link: Link::Socket, goodbye });
                true
            }
            Wire::Polling(poller) => {
                if poller.probe.take().is_some() {
                    out(Action::Shut { link: Link::Probe, goodbye: Goodbye::Fin });
                }
                self.close_polling(now, out)
            }
            Wire::Lingering(_) => false,
            Wire::Closed => true,
        }
    }

    /// What waits leaves before the `1`.
    fn close_polling(&mut self, now: Moment, out: Out<'_>) -> bool {
        let Wire::Polling(mut poller) = std::mem::replace(&mut self.wire, Wire::Closed) else { return true };
        poller.keeps = false;
        poller.push(What::Short(CLOSE), None, false);
        if let Some((response, _)) = poller.answer(self.serial) {
            out(Action::Respond { exchange: Exchange::Poll, response });
        }
        if poller.queue.is_empty() {
            return true;
        }
        self.wire = Wire::Lingering(Box::new(Lingering { until: now + LINGER, poller }));
        false
    }

    pub fn handle_input<'a>(&mut self, now: Moment, settings: &Settings, input: Input<'a>, out: Out<'_>) -> Events<'a> {
        let mut events = Events::new();
        match input {
            Input::Poll { jsonp, stamp, number, query } => self.poll(now, jsonp, stamp, number, query, out, &mut events),
            Input::Post { form, jsonp, body } => self.post(now, settings, form, jsonp, body, out, &mut events),
            Input::SecondPost => {
                if self.is_polling() {
                    self.end_polling(CLOSE, out);
                    events.push(Event::Closed(Reason::Violation));
                }
            }
            Input::Lost(Exchange::Post) => {}
            Input::Lost(Exchange::Poll | Exchange::NewPoll) => {
                if let Wire::Polling(poller) = &mut self.wire {
                    poller.open = None;
                }
            }
            Input::Probe => self.probe(now, out),
            Input::Message { link: Link::Probe, message } => self.probe_message(now, message, out, &mut events),
            Input::Message { link: Link::Socket, message } => self.message(now, settings, message, out, &mut events),
            Input::Closed { link: Link::Probe } => self.lose_probe(),
            Input::Closed { link: Link::Socket } => {
                self.wire = Wire::Closed;
                events.push(Event::Closed(Reason::Left));
            }
            Input::Blocked | Input::Drained => {}
        }
        events
    }

    pub fn handle_timeout(&mut self, now: Moment, settings: &Settings, out: Out<'_>) -> Events<'static> {
        let mut events = Events::new();
        if let Wire::Lingering(lingering) = &self.wire {
            if now >= lingering.until {
                self.wire = Wire::Closed;
                events.push(Event::Closed(Reason::Closed));
            }
            return events;
        }
        if self.is_closed() {
            return events;
        }
        if self.is_dead(now, settings) {
            self.give_up(out);
            events.push(Event::Closed(Reason::PingTimeout));
            return events;
        }
        self.time_questions(now, settings, &mut events);
        self.time_polling(now, settings, out);
        if self.revision == Revision::V4 && self.asked.is_none() && now >= self.beat {
            self.heartbeat(now, out);
        }
        events
    }

    /// When [`Engine::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self, settings: &Settings) -> Option<Moment> {
        let beat = match (self.revision, self.asked) {
            (Revision::V4, None) => self.beat,
            (Revision::V4, Some(asked)) => asked.since + settings.ping_timeout,
            (Revision::V3, None) => self.beat + settings.ping_interval + settings.ping_timeout,
            (Revision::V3, Some(asked)) => {
                (asked.since + settings.ping_timeout).min(self.beat + settings.ping_interval + settings.ping_timeout)
            }
        };
        match &self.wire {
            Wire::Socket => Some(beat),
            Wire::Polling(poller) => {
                let held = poller.open.map(|open| open.since + HOLD);
                let probed = poller.probe.map(|probe| probe.since + settings.upgrade_timeout);
                Some([held, probed].into_iter().flatten().fold(beat, Moment::min))
            }
            Wire::Lingering(lingering) => Some(lingering.until),
            Wire::Closed => None,
        }
    }

    fn is_dead(&self, now: Moment, settings: &Settings) -> bool {
        match self.revision {
            Revision::V4 => self.asked.is_some_and(|asked| now >= asked.since + settings.ping_timeout),
            Revision::V3 => now >= self.beat + settings.ping_interval + settings.ping_timeout,
        }
    }

    fn time_questions(&mut self, now: Moment, settings: &Settings, events: &mut Events<'static>) {
        if self.revision == Revision::V3 && self.asked.is_some_and(|asked| now >= asked.since + settings.ping_timeout) {
            self.asked = None;
            events.push(Event::Unanswered);
        }
    }

    fn time_polling(&mut self, now: Moment, settings: &Settings, out: Out<'_>) {
        let serial = self.serial + 1;
        let Wire::Polling(poller) = &mut self.wire else { return };
        if poller.probe.is_some_and(|probe| now >= probe.since + settings.upgrade_timeout) {
            poller.probe = None;
            out(Action::Shut { link: Link::Probe, goodbye: Goodbye::Fin });
            self.flush(out);
        } else if poller.open.is_some_and(|open| now >= open.since + HOLD)
            && let Some((response, _)) = poller.relieve(serial)
        {
            self.serial = serial;
            out(Action::Respond { exchange: Exchange::Poll, response });
        }
    }

    /// EIO4's `2`. On polling it waits for a GET like any packet, and the clock runs from now.
    fn heartbeat(&mut self, now: Moment, out: Out<'_>) {
        if self.ask(now, out) {
            return;
        }
        if let Wire::Polling(poller) = &mut self.wire {
            poller.push(What::Short(PING), None, false);
            // Its `3` comes by POST, or first on the WebSocket: it proves nothing.
            self.asked = Some(Question { serial: 0, mark: 0, since: now });
            self.flush(out);
        }
    }

    /// The connection is no use any more: no words, only ends.
    fn give_up(&mut self, out: Out<'_>) {
        match std::mem::replace(&mut self.wire, Wire::Closed) {
            Wire::Socket => out(Action::Shut { link: Link::Socket, goodbye: Goodbye::Fin }),
            Wire::Polling(mut poller) => {
                if poller.probe.is_some() {
                    out(Action::Shut { link: Link::Probe, goodbye: Goodbye::Fin });
                }
                if let Some((response, _)) = poller.relieve(self.serial) {
                    out(Action::Respond { exchange: Exchange::Poll, response });
                }
            }
            Wire::Lingering(_) | Wire::Closed => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request line")]
    fn poll<'a>(
        &mut self,
        now: Moment,
        jsonp: Option<u32>,
        stamp: Option<&str>,
        number: Option<u32>,
        query: &str,
        out: Out<'_>,
        events: &mut Events<'a>,
    ) {
        let poller = match &mut self.wire {
            Wire::Polling(poller) => poller,
            Wire::Socket => return out(Action::Respond { exchange: Exchange::NewPoll, response: Fault::BadRequest.response() }),
            Wire::Lingering(_) => return self.say_goodbye(now, jsonp, out, events),
            Wire::Closed => return out(Action::Respond { exchange: Exchange::NewPoll, response: Fault::UnknownSid.response() }),
        };
        match poller.turn(stamp, number) {
            Turn::Redirect(n) => out(Action::Respond { exchange: Exchange::NewPoll, response: redirect(query, n) }),
            Turn::Old => {
                poller.kept_is_last = false;
                out(Action::Respond { exchange: Exchange::NewPoll, response: poller.short(NOOP, jsonp) });
            }
            Turn::Repeat if poller.open.is_some() => {
                out(Action::Abandon(Exchange::Poll));
                poller.hold(now, jsonp);
            }
            Turn::Repeat if poller.keeps && poller.kept.is_some() => match poller.repeat(jsonp) {
                Some(response) => out(Action::Respond { exchange: Exchange::NewPoll, response }),
                None => {
                    out(Action::Respond { exchange: Exchange::NewPoll, response: poller.short(CLOSE, jsonp) });
                    self.give_up(out);
                    events.push(Event::Closed(Reason::Unreachable));
                }
            },
            Turn::Fresh | Turn::Unnumbered if poller.open.is_some() => self.refuse_overlap(out, events),
            turn @ (Turn::Fresh | Turn::Repeat | Turn::Unnumbered) => {
                let answered = poller.kept.take();
                poller.hold(now, jsonp);
                if let Some(kept) = answered {
                    // Only a number not seen before proves.
                    let by = if turn == Turn::Fresh && poller.keeps { By::Poll } else { By::Nothing };
                    events.push(Event::Answered { serial: kept.serial, mark: kept.mark, by });
                }
            }
        }
    }

    /// Two GETs at once: the first gets `1`, the second 400, the session ends.
    fn refuse_overlap(&mut self, out: Out<'_>, events: &mut Events<'_>) {
        if let Wire::Polling(poller) = &mut self.wire {
            poller.queue.clear();
            poller.keeps = false;
            poller.push(What::Short(CLOSE), None, false);
            if let Some((response, _)) = poller.answer(self.serial) {
                out(Action::Respond { exchange: Exchange::Poll, response });
            }
        }
        out(Action::Respond { exchange: Exchange::NewPoll, response: Fault::BadRequest.response() });
        self.give_up(out);
        events.push(Event::Closed(Reason::Violation));
    }

    fn say_goodbye(&mut self, now: Moment, jsonp: Option<u32>, out: Out<'_>, events: &mut Events<'_>) {
        let Wire::Lingering(lingering) = &mut self.wire else { return };
        let poller = &mut lingering.poller;
        poller.hold(now, jsonp);
        if let Some((response, _)) = poller.answer(self.serial) {
            out(Action::Respond { exchange: Exchange::NewPoll, response });
        }
        if poller.queue.is_empty() {
            self.wire = Wire::Closed;
            events.push(Event::Closed(Reason::Closed));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    fn post<'a>(
        &mut self,
        now: Moment,
        settings: &Settings,
        form: Form,
        jsonp: bool,
        body: &'a [u8],
        out: Out<'_>,
        events: &mut Events<'a>,
    ) {
        let respond = |response| Action::Respond { exchange: Exchange::Post, response };
        let poller = match &mut self.wire {
            Wire::Polling(poller) => poller,
            Wire::Socket => return out(respond(Fault::BadRequest.response())),
            Wire::Lingering(_) | Wire::Closed => return out(respond(Fault::UnknownSid.response())),
        };
        let decoded = decode(self.revision, form, jsonp, body, &mut poller.dialect);
        let Some(packets) = decoded else {
            out(respond(Fault::BadRequest.response()));
            self.end_polling(CLOSE, out);
            events.push(Event::Closed(Reason::Violation));
            return;
        };
        let mut verdict = Ok(());
        for packet in packets {
            verdict = self.packet(now, settings, packet, out, events);
            if verdict.is_err() || self.is_closed() {
                break;
            }
        }
        match verdict {
            Ok(()) => out(respond(Response::ok(Content::Text, "ok"))),
            Err(Violation) => {
                out(respond(Fault::BadRequest.response()));
                self.end_polling(CLOSE, out);
                events.push(Event::Closed(Reason::Violation));
            }
        }
    }

    /// Ends a polling session now; the open GET gets `last`.
    fn end_polling(&mut self, last: &'static str, out: Out<'_>) {
        if let Wire::Polling(poller) = &mut self.wire {
            poller.queue.clear();
            poller.keeps = false;
            poller.push(What::Short(last), None, false);
            if let Some((response, _)) = poller.answer(self.serial) {
                out(Action::Respond { exchange: Exchange::Poll, response });
            }
        }
        self.give_up(out);
    }

    /// One packet of the session's transport (not of a probe).
    fn packet<'a>(
        &mut self,
        now: Moment,
        settings: &Settings,
        packet: Packet<'a>,
        out: Out<'_>,
        events: &mut Events<'a>,
    ) -> Result<(), Violation> {
        if self.revision == Revision::V3 {
            self.beat = now;
        }
        match (packet.kind, self.revision) {
            (PacketType::Message, _) => events.push(Event::Message(packet.data)),
            (PacketType::Close, _) => {
                self.end_polling(NOOP, out);
                events.push(Event::Closed(Reason::Left));
            }
            (PacketType::Ping, Revision::V3) => self.pong(now, settings, out, events),
            (PacketType::Pong, Revision::V4) => self.ponged(now, settings, events),
            (PacketType::Noop, _) => {}
            (PacketType::Upgrade, _) if self.is_on_socket() => {}
            (PacketType::Ping | PacketType::Pong | PacketType::Open | PacketType::Upgrade, _) => return Err(Violation),
        }
        Ok(())
    }

    /// EIO3: the client's `2`. What lay before our last `3` has arrived by now.
    fn pong(&mut self, now: Moment, settings: &Settings, out: Out<'_>, events: &mut Events<'_>) {
        match &mut self.wire {
            Wire::Polling(poller) => poller.push(What::Short(PONG), None, false),
            Wire::Socket => {
                // A client pings pingInterval after our `3`; one that comes sooner may have crossed it.
                let followed = |since: Moment| now >= since + settings.ping_interval / 2;
                if let Some(ponged) = self.ponged.take().filter(|ponged| followed(ponged.since)) {
                    events.push(Event::Answered { serial: ponged.serial, mark: ponged.mark, by: By::Slow });
                }
                self.serial += 1;
                self.ponged = Some(Box::new(Question { serial: self.serial, mark: self.written, since: now }));
                out(Action::Write { link: Link::Socket, bytes: Bytes::from_static(PONG_FRAME) });
            }
            Wire::Lingering(_) | Wire::Closed => {}
        }
    }

    /// EIO4: the client's `3`. A surplus one is dropped.
    fn ponged(&mut self, now: Moment, settings: &Settings, events: &mut Events<'_>) {
        let Some(asked) = self.asked.take() else {
            self.doubts = self.doubts.saturating_sub(1);
            return;
        };
        self.beat = now + settings.ping_interval;
        let sure = self.is_on_socket() && asked.serial > 0 && self.doubts == 0;
        let by = if sure { By::Engine } else { By::Nothing };
        events.push(Event::Answered { serial: asked.serial, mark: asked.mark, by });
    }

    fn probe(&mut self, now: Moment, out: Out<'_>) {
        match &mut self.wire {
            Wire::Polling(poller) if poller.probe.is_none() => poller.probe = Some(Probe { since: now, greeted: false }),
            Wire::Polling(_) | Wire::Socket | Wire::Lingering(_) | Wire::Closed => out(Action::Refuse),
        }
    }

    fn lose_probe(&mut self) {
        if let Wire::Polling(poller) = &mut self.wire {
            poller.probe = None;
        }
    }

    fn probe_message<'a>(&mut self, now: Moment, message: Message<'a>, out: Out<'_>, events: &mut Events<'a>) {
        let Wire::Polling(poller) = &mut self.wire else { return };
        let greeted = poller.is_probed();
        match message {
            Message::Text("2probe") if !greeted => {
                if let Some(probe) = &mut poller.probe {
                    probe.greeted = true;
                }
                out(Action::Write { link: Link::Probe, bytes: Bytes::from_static(PROBE_PONG_FRAME) });
            }
            Message::Text("5") if greeted => self.upgrade(now, out, events),
            Message::Ping(data) => out(Action::Write { link: Link::Probe, bytes: websocket::frame(Opcode::Pong, data) }),
            Message::Pong(_) => {}
            Message::Text(_) | Message::Binary(_) | Message::Close(_) => {
                poller.probe = None;
                out(Action::Shut { link: Link::Probe, goodbye: Goodbye::Fin });
            }
        }
    }

    /// `5`: the client had paused its polling, so the answer written last has arrived.
    fn upgrade<'a>(&mut self, now: Moment, out: Out<'_>, events: &mut Events<'a>) {
        let serial = self.serial + 1;
        let Wire::Polling(poller) = &mut self.wire else { return };
        if let Some((response, _)) = poller.relieve(serial) {
            self.serial = serial;
            out(Action::Respond { exchange: Exchange::Poll, response });
        }
        let proven = poller.kept_is_last;
        if let Some(kept) = &poller.kept {
            let by = if poller.keeps && proven { By::Poll } else { By::Nothing };
            events.push(Event::Answered { serial: kept.serial, mark: kept.mark, by });
        }
        if poller.kept_has_ping() && !proven {
            // Nobody knows whether that `2` arrived: its `3` may come, or not.
            self.doubts = 1;
            self.asked = None;
            self.beat = now;
        }
        let left = poller.leftovers(proven);
        self.wire = Wire::Socket;
        if self.revision == Revision::V3 {
            self.beat = now;
        }
        out(Action::Promote);
        self.take_over(left, out);
        events.push(Event::Upgraded);
    }

    fn take_over(&mut self, left: Vec<Queued>, out: Out<'_>) {
        for queued in left {
            self.written = queued.mark.unwrap_or(0).max(self.written);
            let bytes = match &queued.what {
                What::Short(text) => websocket::frame(Opcode::Text, text.as_bytes()),
                What::Out(outgoing) => self.framed(outgoing),
            };
            out(Action::Write { link: Link::Socket, bytes });
        }
    }

    fn message<'a>(&mut self, now: Moment, settings: &Settings, message: Message<'a>, out: Out<'_>, events: &mut Events<'a>) {
        if !self.is_on_socket() {
            return;
        }
        let packet = match message {
            // Base64 on a WebSocket is EIO3's.
            Message::Text(text) if text.starts_with('b') && self.revision == Revision::V4 => Err(crate::NoPacket),
            Message::Text(text) => Packet::parse(text),
            Message::Binary(bytes) => Packet::parse_binary(self.revision, bytes),
            Message::Ping(data) => return out(Action::Write { link: Link::Socket, bytes: websocket::frame(Opcode::Pong, data) }),
            Message::Pong(data) => return self.peer_pong(data, events),
            Message::Close(code) => {
                self.wire = Wire::Closed;
                out(Action::Shut { link: Link::Socket, goodbye: Goodbye::Frame(code.unwrap_or(1000)) });
                events.push(Event::Closed(Reason::Left));
                return;
            }
        };
        let verdict = packet.map_err(|_| Violation).and_then(|packet| self.packet(now, settings, packet, out, events));
        if verdict.is_err() {
            self.give_up(out);
            events.push(Event::Closed(Reason::Violation));
        }
    }

    fn peer_pong(&mut self, data: &[u8], events: &mut Events<'_>) {
        let ours = self.asked.filter(|asked| self.revision == Revision::V3 && data == asked.serial.to_be_bytes());
        if let Some(asked) = ours {
            self.asked = None;
            events.push(Event::Answered { serial: asked.serial, mark: asked.mark, by: By::Peer });
        }
    }

    /// A packet as server frames of the session's WebSocket.
    fn framed(&self, what: &Outgoing) -> Bytes {
        match what {
            Outgoing::Text(frame) => frame.bytes().clone(),
            Outgoing::Binary(bytes) => match (self.revision, self.base64) {
                (Revision::V4, _) => websocket::frame(Opcode::Binary, bytes),
                (Revision::V3, false) => websocket::frame(Opcode::Binary, &[&[4], bytes.as_ref()].concat()),
                (Revision::V3, true) => websocket::frame(Opcode::Text, format!("b4{}", STANDARD.encode(bytes)).as_bytes()),
            },
        }
    }
}

/// The client broke the protocol.
struct Violation;

fn decode<'a>(revision: Revision, form: Form, jsonp: bool, body: &'a [u8], dialect: &mut polling::Dialect) -> Option<Vec<Packet<'a>>> {
    match (revision, form, jsonp) {
        (Revision::V4, Form::Octets, _) => None,
        (Revision::V4, Form::Text, _) => polling::decode_v4(body).ok(),
        (Revision::V3, Form::Octets, _) => polling::decode_v3_binary(body).ok(),
        (Revision::V3, Form::Text, false) => polling::decode_v3_text(body, dialect).ok(),
        (Revision::V3, Form::Text, true) => {
            let payload = polling::jsonp::unwrap(body).ok()?;
            let packets = polling::decode_v3_text(&payload, dialect).ok()?;
            Some(packets.into_iter().map(Packet::into_owned).collect())
        }
    }
}

fn redirect(query: &str, number: u32) -> Response {
    Response { status: 302, content: Content::Text, location: Some(format!("?{query}&_n={number}")), body: Bytes::new() }
}

fn handshake(settings: &Settings, opening: &Opening<'_>) -> String {
    let upgrades = match opening.transport {
        Transport::Polling => "\"websocket\"",
        Transport::WebSocket => "",
    };
    format!(
        "0{{\"sid\":\"{}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
        opening.sid,
        settings.ping_interval.as_millis(),
        settings.ping_timeout.as_millis(),
        settings.max_payload
    )
}

/// A part of `whole` picked by the sid's random bits.
fn spread(whole: Duration, key: &[u8; 12]) -> Duration {
    let [low, high, ..] = *key;
    whole * u32::from(u16::from_be_bytes([low, high])) / u32::from(u16::MAX)
}
