//! What the client gets: control packets, live messages, what waited, windows of a replay.

use super::admitting::is_checked;
use super::*;
use crate::config::{DirectEvent, Planted};
use crate::context::Run;
use crate::output::Output;
use crate::stream::{Item, Offer};
use tidings_model::{AppName, Content, EventName, Published, Targets};

impl Session {
    /// A control packet: it goes where messages go, behind what was written.
    pub(super) fn say(&mut self, cx: &mut Context<'_>, encoded: &Encoded) {
        let frame = encoded.frame(self.engine.wants_ascii()).clone();
        let (slot, out) = (cx.slot, &mut *cx.out);
        self.engine.send(Outgoing::Text(frame), None, false, &mut |action| out.push_back(Output::Do(slot, action)));
    }

    pub(super) fn can_write(&self) -> bool {
        let full = self.registered().is_some_and(|registered| registered.proving.is_full());
        !full && self.has_room()
    }

    /// What is written now is on its way at once, or with one of the next GETs.
    pub(super) fn has_room(&self) -> bool {
        let polling_full = self.engine.is_polling() && (self.engine.queued() >= POLL_PACKETS || self.engine.queued_bytes() >= POLL_BYTES);
        !(self.blocked || polling_full || self.over || self.draining.is_some())
    }

    /// A message of the log for this socket.
    pub(crate) fn offer(&mut self, cx: &mut Context<'_>, item: &Item) {
        let can_write = self.can_write();
        if self.stream.offer(item, can_write, &cx.config.limits, cx.budget) == Offer::Write {
            self.write(cx, item, item.at);
        }
    }

    /// Whether messages wait here that have not been written.
    pub(crate) fn holds(&self) -> bool {
        self.stream.waiting() > 0 || self.engine.queued() > 0
    }

    /// A message was taken back: it leaves what waits here.
    pub(crate) fn withdraw(&mut self, message: Position, budget: &mut usize) {
        self.stream.forget(&[message], budget);
        if self.engine.withdraw(self.epoch.mark(message))
            && let Some(registered) = self.registered_mut()
        {
            registered.proving.forget(message);
            registered.outstanding.forget(message);
        }
    }

    /// Broadcasts that reached the worker together. The fast path is one shared write.
    pub(crate) fn take_run(&mut self, cx: &mut Context<'_>, run: &Run<'_>) {
        let fresh = run.items.first().is_some_and(|item| self.stream.is_below(item.at));
        if !(fresh && self.is_flowing()) || self.draining.is_some() {
            for item in run.items {
                self.offer(cx, item);
            }
            return self.settle(cx);
        }
        cx.act(Action::Write { link: Link::Socket, bytes: run.joined.clone() });
        self.engine.wrote(self.epoch.mark(run.last));
        self.stream.wrote(run.last);
        if let Some(registered) = self.registered_mut() {
            for item in run.items {
                registered.outstanding.wrote(item.at);
            }
        }
        if self.ask_later(cx) {
            self.file(cx);
        }
    }

    /// A broadcast's question rides the next write or heartbeat, or leaves on its own in time, spread by the sid. True if
    /// that time was not set yet.
    fn ask_later(&mut self, cx: &Context<'_>) -> bool {
        if self.slow || !self.engine.is_on_socket() {
            return false;
        }
        let key = u32::from(self.key[2]);
        let unset = |registered: &&mut Registered| registered.dev.is_some() && registered.proving.ask_at.is_none();
        let Some(registered) = self.registered_mut().filter(unset) else { return false };
        let within = cx.config.proof_within;
        registered.proving.ask_at = Some(cx.now + (within - within * key / 1024));
        true
    }

    /// Writes one message; a direct one's question leaves with it. Whoever has it has all that it wants up to `upto`.
    fn write(&mut self, cx: &mut Context<'_>, item: &Item, upto: Position) {
        let mark = self.epoch.mark(upto);
        let wants_ascii = self.engine.wants_ascii();
        let asks = item.direct && self.registered().is_some_and(|registered| registered.dev.is_some()) && !self.slow_on_socket();
        let (slot, out) = (cx.slot, &mut *cx.out);
        let mut act = |action| out.push_back(Output::Do(slot, action));
        if let Some((last, others)) = item.frames.split_last() {
            for encoded in others {
                self.engine.send(Outgoing::Text(encoded.frame(wants_ascii).clone()), Some(mark), false, &mut act);
            }
            let frame = last.frame(wants_ascii);
            if asks {
                self.engine.send_and_ask(cx.now, frame, mark, &mut act);
            } else {
                self.engine.send(Outgoing::Text(frame.clone()), Some(mark), false, &mut act);
            }
        }
        self.note(cx, item);
    }

    /// Remembers what a written message may still need: a proof, a report.
    fn note(&mut self, cx: &mut Context<'_>, item: &Item) {
        let Some(registered) = self.registered_mut() else { return };
        registered.outstanding.wrote(item.at);
        if !item.direct {
            self.ask_later(cx);
        } else if registered.dev.is_some() {
            registered.proving.wrote_direct(item.at, item.time);
        }
    }

    /// Moves on whatever may move: what waits, or the next window of mail.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        while self.can_write() {
            if self.stream.must_catch_up() {
                self.stream.replay(cx.processed, cx.budget);
            }
            if let Some(item) = self.stream.pop(cx.budget) {
                if !item.is_expired(cx.time) || cx.config.planted == Some(Planted::ExpiredReplayed) {
                    self.write(cx, &item, item.at);
                }
                continue;
            }
            let provable = self.engine.is_on_socket() && !self.slow && self.registered().is_some_and(|registered| registered.dev.is_some());
            if self.read_again.is_some_and(|at| cx.now < at) || self.is_adopting() {
                return;
            }
            self.read_again = None;
            if let Some((after, upto)) = self.stream.ask_window(provable) {
                cx.effect(Effect::Read { after, upto });
            }
            if !self.stream.must_catch_up() {
                return;
            }
        }
    }

    /// A window of mail came from the reader.
    pub(crate) fn page(&mut self, cx: &mut Context<'_>, page: &Page) {
        if self.stream.flow == Flow::Shut {
            // Meanwhile there are other apps, and it hears nothing on `/` any more.
            return;
        }
        let (any_age, again) = (cx.config.planted == Some(Planted::ExpiredReplayed), cx.config.planted == Some(Planted::SkipDedupe));
        let items: Vec<Item> = page
            .messages
            .iter()
            .filter(|stored| !cx.recalls.has(stored.at))
            .filter(|stored| stored.at > self.stream.given && (any_age || cx.time < stored.message.expires))
            .filter(|stored| !(!again && stored.message.targets == Targets::Everyone && self.has_had(stored.at)))
            .map(|stored| self.item(cx.config.direct_event, stored.at, stored.time, &stored.message))
            .collect();
        let end = page.upto.max(self.stream.given);
        // An empty mailbox proves nothing and asks nothing: a storm of returning devices appends no facts.
        if !page.messages.is_empty() {
            self.write_window(cx, &items, end);
        }
        self.stream.window(end, page.more);
        self.settle(cx);
    }

    /// The readers were too busy, or the read failed: it is asked again a little later.
    pub(crate) fn page_failed(&mut self, cx: &mut Context<'_>) {
        self.stream.retry_window();
        self.read_again = Some(cx.now + READ_AGAIN);
        self.file(cx);
    }

    /// One write and one question for the whole window on a WebSocket. Its mark is the window's end: what lies between is
    /// not wanted, or was given to this very socket before.
    fn write_window(&mut self, cx: &mut Context<'_>, items: &[Item], end: Position) {
        if !self.engine.is_on_socket() {
            let Some((last, others)) = items.split_last() else { return };
            for item in others {
                self.write(cx, item, item.at);
            }
            return self.write(cx, last, end);
        }
        if !items.is_empty() {
            let mut bytes = BytesMut::with_capacity(items.iter().map(Item::bytes).sum());
            for encoded in items.iter().flat_map(|item| item.frames.iter()) {
                bytes.put_slice(encoded.raw().bytes());
            }
            cx.act(Action::Write { link: Link::Socket, bytes: bytes.freeze() });
        }
        self.engine.wrote(self.epoch.mark(end));
        for item in items {
            self.note(cx, item);
        }
        if !self.slow_on_socket() {
            self.ask(cx);
        }
    }

    pub(crate) fn item(&self, event: DirectEvent, at: Position, time: Millis, message: &Published) -> Item {
        let direct = !message.targets.is_wide();
        let frames = match self.registered() {
            Some(registered) if message.targets != Targets::Everyone => {
                direct_frames(event, (self.namespace(), registered), &message.content)
            }
            Some(_) | None => vec![broadcast_frame(self.namespace(), &message.content)],
        };
        Item { at, time, expires: message.expires, direct, frames: frames.into(), replaces: Item::replaced(message) }
    }

    fn has_had(&self, at: Position) -> bool {
        self.past.iter().flat_map(|past| &past.had).any(|(from, upto)| *from < at && at <= *upto)
    }

    /// The registration is the socket's: `_register` leaves, and nothing follows it before the app listens.
    pub(crate) fn attach(&mut self, cx: &mut Context<'_>, attached: Attached) {
        let Phase::Registering(registering) = std::mem::replace(&mut self.phase, Phase::Anonymous) else { return };
        let Registering { wish, device_id, socket, silent, ack, previous, held, .. } = *registering;
        // The writer is asked for nobody else.
        let Wish::Known(uid) = wish else { return self.violate(cx) };
        let Some(epoch) = self.epoch.next() else { return self.violate(cx) };
        self.widen_had(previous.as_ref().is_none_or(|previous| previous.has_listened()));
        let mut proving = Proving::starting_at(attached.cursor);
        if let Some(mut previous) = previous {
            proving.inherit(&mut previous.proving);
            self.remember(cx, *previous);
        }
        // What this very socket was given for this device in an earlier life of the socket is not sent again.
        let had = self
            .past
            .iter()
            .flat_map(|past| &past.formers)
            .filter(|former| Some(former.dev) == attached.dev)
            .map(|former| former.given)
            .max();
        let start = attached.cursor.max(had.unwrap_or_default());
        self.epoch = epoch;
        self.stream.clear(cx.budget);
        self.stream = Stream::shut_from(start);
        self.tenant = cx.dice.roll() as u32;
        self.keep_answers(cx);
        let delay = if cx.config.planted == Some(Planted::NoListening) { Duration::ZERO } else { cx.config.listen_delay };
        let listening = Listening::Until(cx.now + delay);
        let Attached { reg, token, dev, .. } = attached;
        let registered = Registered {
            reg,
            uid,
            device_id,
            token: token.clone(),
            socket,
            dev,
            proving,
            outstanding: Outstanding::None,
            listening,
            adopting: Adopting::No,
        };
        self.phase = Phase::Registered(Box::new(registered));
        if silent {
            self.await_connected(cx);
        } else {
            self.say_registered(cx, &token, ack);
            self.await_listener(cx);
        }
        self.deal_held(cx, held);
        self.settle(cx);
    }

    /// On polling every answer is kept until a new number proves it.
    pub(super) fn keep_answers(&mut self, cx: &mut Context<'_>) {
        let (slot, out) = (cx.slot, &mut *cx.out);
        let redirect = self.peer.follows_redirects && !cx.config.slow_proof;
        self.engine.keep_answers(redirect, &mut |action| out.push_back(Output::Do(slot, action)));
    }

    /// The socket has left a registration: a proof of what it was given then still counts.
    fn remember(&mut self, cx: &mut Context<'_>, registered: Registered) {
        // What may have met no listener stays unproven, and is given again.
        let sure = registered.has_listened();
        if !sure {
            cx.effect(Effect::Restarted);
        }
        let Some(dev) = registered.dev.filter(|_| sure) else { return };
        let formers = &mut self.past.get_or_insert_default().formers;
        formers.retain(|former| former.dev != dev || former.is_unproven());
        formers.push(Former { epoch: self.epoch, dev, given: self.stream.given, proving: registered.proving });
        if formers.len() > FORMERS {
            formers.remove(0);
        }
    }

    /// Broadcasts that the stream until now has given belong to what this socket had, if they have met a listener.
    pub(super) fn widen_had(&mut self, heard: bool) {
        let (mut from, mut upto) = (self.stream.started, self.stream.given);
        if self.engine.may_lose() {
            // An answer without a number may have died on its way: rather a repeat than a loss.
            return self.engine.retract();
        }
        if from == upto || !heard {
            return;
        }
        // Ranges that meet become one.
        let ranges = &mut self.past.get_or_insert_default().had;
        ranges.retain(|had| {
            let apart = had.1 < from || upto < had.0;
            if !apart {
                (from, upto) = (from.min(had.0), upto.max(had.1));
            }
            apart
        });
        ranges.push((from, upto));
        if ranges.len() > FORMERS {
            ranges.remove(0);
        }
    }

    pub(super) fn say_registered(&mut self, cx: &mut Context<'_>, token: &Token, ack: Option<u64>) {
        let answer = format!("{{\"token\":\"{token}\"}}");
        self.say(cx, &Encoded::event(self.namespace(), "_register", &answer));
        self.ack(cx, ack, &answer);
    }

    /// The writer refused: a failed register changes nothing.
    pub(crate) fn refused(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        let Phase::Registering(registering) = std::mem::replace(&mut self.phase, Phase::Anonymous) else { return };
        let Registering { ack, previous, back, held, held_bytes, .. } = *registering;
        if let Some(back) = back.filter(|_| self.joined == Joined::Yes) {
            self.refuse_register(cx, refusal, ack);
            return self.go_back(cx, back, held, held_bytes);
        }
        match previous {
            Some(previous) => self.phase = Phase::Registered(previous),
            // The handshake's registration failed: it hears what everybody hears, from its connect on.
            None if self.stream.flow == Flow::Shut && !is_checked(cx) && !self.is_mute(cx) => self.stream.replay(cx.processed, cx.budget),
            None => {}
        }
        self.refuse_register(cx, refusal, ack);
        self.deal_held(cx, held);
        self.settle(cx);
    }

    /// Registers again as who it was, without a word: the app has not heard that it was nobody for a moment.
    fn go_back(&mut self, cx: &mut Context<'_>, Back { uid, device_id }: Back, held: VecDeque<Held>, held_bytes: usize) {
        let socket = SocketId(u64::from(cx.config.worker) << 48 | cx.dice.roll() >> 16);
        let wish = Wish::Known(uid);
        let again =
            Registering { wish, device_id, socket, silent: true, ack: None, asked: false, previous: None, back: None, held, held_bytes };
        self.phase = Phase::Registering(Box::new(again));
        cx.effect(Effect::Register);
    }

    /// Ends the namespace for good: clients do not come back by themselves.
    pub(crate) fn dismiss(&mut self, cx: &mut Context<'_>) {
        self.say(cx, &Encoded::packet(&format!("41{}", self.namespace())));
    }

    /// The roster took the registration away (`41`, or it moved): what the socket is now is nobody.
    pub(crate) fn detach(&mut self, cx: &mut Context<'_>) {
        self.widen_had(self.registered().is_none_or(Registered::has_listened));
        let previous = match &mut self.phase {
            Phase::Registered(_) => match std::mem::replace(&mut self.phase, Phase::Anonymous) {
                Phase::Registered(registered) => Some(registered),
                Phase::Registering(_) | Phase::Anonymous => None,
            },
            Phase::Registering(registering) => {
                let previous = registering.previous.take();
                registering.back = previous.as_deref().map(|was| Back { uid: was.uid.clone(), device_id: was.device_id.clone() });
                previous
            }
            Phase::Anonymous => None,
        };
        // Who may have to go back is given nothing in between: it is in its mailbox.
        let waits = matches!(&self.phase, Phase::Registering(registering) if registering.back.is_some());
        let listens = previous.as_ref().is_none_or(|previous| previous.listening == Listening::Over);
        if let Some(previous) = previous {
            self.remember(cx, *previous);
        }
        self.stream.clear(cx.budget);
        let from = self.past.iter().flat_map(|past| &past.had).map(|(_, upto)| *upto).fold(self.stream.given, Position::max);
        // Nothing follows a `_register` before the app listens, also if it registers again meanwhile.
        self.stream = if listens && !waits { Self::nobodys_stream(cx, from) } else { Stream::shut_from(from) };
        self.tenant = cx.dice.roll() as u32;
    }
}

const READ_AGAIN: Duration = Duration::from_millis(100);

/// The event that every legacy socket of the app listens to.
const BROADCAST: &str = "app broadcast";

/// An app's namespace as it stands in a packet: nothing for `/`, else with its comma.
pub(crate) fn namespace(app: &AppName) -> String {
    if app.as_str() == "/" { String::new() } else { format!("{app},") }
}

/// A broadcast: under its own name, where it has one.
pub(crate) fn broadcast_frame(namespace: &str, content: &Content) -> Encoded {
    Encoded::message(namespace, content.event_name.as_ref().map_or(BROADCAST, EventName::as_str), &content.body)
}

/// A direct message's events for one registration: under its own name, else as configured.
fn direct_frames(event: DirectEvent, (namespace, registered): (&str, &Registered), content: &Content) -> Vec<Encoded> {
    let named = |name: &str| Encoded::message(namespace, name, &content.body);
    let (token, uid) = (registered.token.as_str(), registered.uid.as_str());
    match (&content.event_name, event) {
        (Some(name), _) => vec![named(name.as_str())],
        (None, DirectEvent::Token) => vec![named(token)],
        (None, DirectEvent::Uid) => vec![named(uid)],
        (None, DirectEvent::Both) => vec![named(token), named(uid)],
    }
}
