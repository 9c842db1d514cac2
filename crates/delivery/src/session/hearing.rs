//! What the client says: Socket.IO packets in.

use super::admitting::is_checked;
use super::*;
use crate::config::DirectEvent;
use crate::context::Said;
use crate::intent::{Intent, ReportedId};
use crate::output::{Heard, Saying};
use tidings_model::{ClientEvent, EventName};
use tidings_socketio::{Packet, PacketType, decode};

impl Session {
    pub(super) fn hear_text(&mut self, cx: &mut Context<'_>, text: &str) {
        // A text packet while attachments are due breaks the protocol, as does what is no packet.
        let packet = match decode(text) {
            Ok(packet) if self.attachments.is_none() => packet,
            Ok(_) | Err(_) => return self.violate(cx),
        };
        match packet.kind {
            PacketType::Connect => self.hear_connect(cx, &packet),
            _ if self.joined == Joined::Never => self.violate(cx),
            PacketType::ConnectError => self.violate(cx),
            // A late emit after a kick, or to a namespace that was refused.
            _ if !self.is_mine(&packet) || self.joined != Joined::Yes => {}
            PacketType::Disconnect => self.leave(cx),
            PacketType::Ack => {}
            PacketType::Event => self.hear_event(cx, &packet),
            PacketType::BinaryEvent | PacketType::BinaryAck => self.expect_attachments(cx, packet),
        }
    }

    pub(super) fn hear_binary(&mut self, cx: &mut Context<'_>, bytes: &[u8]) {
        let Some(mut pending) = self.attachments.take() else { return self.violate(cx) };
        match pending.push(bytes) {
            Ok(true) => self.hear_whole(cx, *pending),
            Ok(false) => self.attachments = Some(pending),
            Err(_) => self.violate(cx),
        }
    }

    fn expect_attachments(&mut self, cx: &mut Context<'_>, packet: Packet<'_>) {
        match Pending::new(packet, cx.config.engine.max_payload) {
            Ok(pending) if pending.is_complete() => self.hear_whole(cx, pending),
            Ok(pending) => self.attachments = Some(Box::new(pending)),
            Err(_) => self.violate(cx),
        }
    }

    /// The legacy events carry no binary: their arguments are read with the placeholders in them.
    fn hear_whole(&mut self, cx: &mut Context<'_>, pending: Pending) {
        let text = pending.header();
        match decode(text) {
            Ok(packet) if packet.kind == PacketType::BinaryEvent => self.hear_event(cx, &packet),
            Ok(_) => {}
            Err(_) => self.violate(cx),
        }
    }

    /// `41`: the client leaves the namespace; the transport stays, and nothing proves anything any more.
    fn leave(&mut self, cx: &mut Context<'_>) {
        self.joined = Joined::Left;
        self.undecided = false;
        if let Some(registered) = self.registered_mut() {
            registered.proving.forget_held();
        }
        cx.effect(Effect::Left);
    }

    fn hear_event(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        let Ok(event) = packet.event() else { return self.violate(cx) };
        // Whoever speaks on `/` means it.
        self.decide(cx);
        if packet.kind.is_binary() && (cx.config.hears(&event.name) || cx.config.relays(&event.name)) {
            let refusal = Refusal::new(Code::InvalidField, "data must be JSON, binary is not carried").field("data");
            return self.refuse(cx, &refusal, event.id);
        }
        let Phase::Registering(registering) = &mut self.phase else {
            return self.deal(cx, &event.name, &event.args, event.id);
        };
        // Events are dealt with in order: these wait for the answer to `register`.
        registering.held_bytes += event.name.len() + event.args.iter().map(|arg| arg.len()).sum::<usize>();
        if registering.held.len() >= HELD_EVENTS || registering.held_bytes > HELD_BYTES {
            return self.violate(cx);
        }
        let args = event.args.iter().map(|arg| (*arg).to_owned()).collect();
        registering.held.push_back(Held { name: event.name.to_string(), args, ack: event.id });
    }

    fn deal(&mut self, cx: &mut Context<'_>, name: &str, args: &[&str], ack: Option<u64>) {
        if is_checked(cx) && name == "register" {
            return self.claim(cx, args.first().copied(), ack);
        }
        match Intent::parse(name, args) {
            Err(refusal) if name == "register" => self.refuse_register(cx, &refusal, ack),
            Err(refusal) => self.refuse(cx, &refusal, ack),
            Ok(Intent::Register(uid)) => self.register(cx, uid, false, ack),
            Ok(Intent::Report { status, id }) => self.report(cx, status, id, ack),
            Ok(Intent::Chatter) => {
                tracing::debug!(?args, "my event");
                self.ack(cx, ack, "{\"ok\":true}");
            }
            Ok(Intent::PageEvent | Intent::Unknown) if cx.config.hears(name) && self.may_speak(cx) => {
                let args = args.iter().map(|arg| (*arg).to_owned()).collect();
                self.awaited += u32::from(ack.is_some());
                cx.effect(Effect::Heard(Heard { app: self.app, name: name.to_owned(), args }, ack));
            }
            Ok(Intent::Unknown) if cx.config.relays(name) => self.emit(cx, name, args, ack),
            Ok(Intent::PageEvent) if ack.is_none() => cx.effect(Effect::Ignored),
            Ok(Intent::PageEvent | Intent::Unknown) => {
                let refusal = Refusal::new(Code::Forbidden, "devices may not send this event");
                self.refuse(cx, &refusal, ack);
            }
        }
    }

    /// The events that waited for the answer, until one of them registers again.
    pub(super) fn deal_held(&mut self, cx: &mut Context<'_>, mut held: VecDeque<Held>) {
        while let Some(event) = held.pop_front() {
            let args: Vec<&str> = event.args.iter().map(String::as_str).collect();
            self.deal(cx, &event.name, &args, event.ack);
            if let Phase::Registering(registering) = &mut self.phase {
                registering.held = held;
                return;
            }
        }
    }

    pub(super) fn register(&mut self, cx: &mut Context<'_>, uid: Uid, silent: bool, ack: Option<u64>) {
        if let Some(refusal) = self.hello.as_ref().and_then(|hello| hello.obstacle()) {
            return self.refuse_register(cx, &refusal, ack);
        }
        if cx.config.direct_event != DirectEvent::Token && EventName::is_reserved(uid.as_str()) {
            let refusal = Refusal::new(Code::InvalidField, "this uid is a reserved event name, and messages are named by the uid here");
            return self.refuse_register(cx, &refusal.field(if silent { "uid" } else { "data" }), ack);
        }
        let device_id = self.hello.as_ref().and_then(|hello| hello.device_id()).cloned();
        let same = |registered: &Registered| registered.uid == uid && registered.device_id == device_id;
        if self.registered().is_some_and(same) {
            return self.answer_again(cx, ack);
        }
        self.wish(cx, Wish::Known(uid), silent, ack);
    }

    /// Becomes somebody, unless it tries too often.
    pub(super) fn wish(&mut self, cx: &mut Context<'_>, wish: Wish, silent: bool, ack: Option<u64>) {
        let device_id = self.hello.as_ref().and_then(|hello| hello.device_id()).cloned();
        let limit = cx.config.limits.registers_per_socket_per_min;
        if !self.rates.get_or_insert_default().registers.allow(cx.now, limit) {
            let refusal = Refusal::new(Code::RateLimited, format!("more than {limit} registers a minute on this socket"));
            return self.refuse_register(cx, &refusal, ack);
        }
        let previous = match std::mem::replace(&mut self.phase, Phase::Anonymous) {
            Phase::Registered(registered) => Some(registered),
            Phase::Registering(_) | Phase::Anonymous => None,
        };
        let (held, held_bytes) = (VecDeque::new(), 0);
        let socket = SocketId(u64::from(cx.config.worker) << 48 | cx.dice.roll() >> 16);
        let registering = Registering { wish, device_id, socket, silent, ack, asked: false, previous, back: None, held, held_bytes };
        self.phase = Phase::Registering(Box::new(registering));
        cx.effect(Effect::Register);
    }

    /// A `register` for the registration that the socket serves already: answered at once. A listening delay that still
    /// runs begins anew, none starts where it is over.
    pub(super) fn answer_again(&mut self, cx: &mut Context<'_>, ack: Option<u64>) {
        let Some(token) = self.registered().map(|registered| registered.token.clone()) else { return };
        let listens = self
            .registered()
            .is_some_and(|registered| matches!(registered.listening, Listening::Over | Listening::Unsure { until: None, .. }));
        self.say_registered(cx, &token, ack);
        if !listens {
            self.await_listener(cx);
        }
    }

    fn report(&mut self, cx: &mut Context<'_>, status: tidings_json::Json, id: Option<ReportedId>, ack: Option<u64>) {
        if is_checked(cx) && self.registered().is_none() {
            let refusal = Refusal::new(Code::Forbidden, "only a registered device may report");
            return self.refuse(cx, &refusal, ack);
        }
        let limit = cx.config.limits.reports_per_socket_per_min;
        if !self.rates.get_or_insert_default().reports.allow(cx.now, limit) {
            let refusal = Refusal::new(Code::RateLimited, format!("more than {limit} reports a minute on this socket"));
            return self.refuse(cx, &refusal, ack);
        }
        let outstanding = |registered: &mut Registered| registered.outstanding.end();
        let (id, inferred) = match id {
            Some(ReportedId::Message(id)) => (Some(id), None),
            Some(ReportedId::Foreign) => (None, None),
            None => (None, self.registered_mut().and_then(outstanding)),
        };
        self.awaited += u32::from(ack.is_some());
        cx.effect(Effect::Report(Said { status, id, inferred, ack }));
    }

    /// An event for the business server.
    fn emit(&mut self, cx: &mut Context<'_>, name: &str, args: &[&str], ack: Option<u64>) {
        let limit = cx.config.limits.client_events_per_socket_per_min;
        if !self.rates.get_or_insert_default().client_events.allow(cx.now, limit) {
            let refusal = Refusal::new(Code::RateLimited, format!("more than {limit} events a minute on this socket"));
            return self.refuse(cx, &refusal, ack);
        }
        match self.client_event(name, args, cx.config.limits.payload) {
            Err(refusal) => self.refuse(cx, &refusal, ack),
            Ok(event) => {
                self.awaited += u32::from(ack.is_some());
                cx.effect(Effect::Emit(event, ack));
            }
        }
    }

    fn client_event(&self, name: &str, args: &[&str], payload: usize) -> Result<ClientEvent, Refusal> {
        let forbidden = || Refusal::new(Code::Forbidden, "only a registered device may send events");
        let registered = self.registered().ok_or_else(forbidden)?;
        let invalid = |error| Refusal::new(Code::InvalidField, format!("the event's name {error}")).field("event_name");
        let event_name = EventName::parse(name).map_err(invalid)?;
        let args = format!("[{}]", args.join(","));
        if args.len() > payload {
            let refusal = Refusal::new(Code::PayloadTooLarge, format!("the arguments are {} bytes, the limit is {payload}", args.len()));
            return Err(refusal.field("args").sizes(payload as u64, args.len() as u64));
        }
        Ok(ClientEvent { reg: registered.reg, dev: registered.dev, event_name, args: tidings_json::Json::trusted(args) })
    }

    pub(super) fn refuse(&mut self, cx: &mut Context<'_>, refusal: &Refusal, ack: Option<u64>) {
        self.ack(cx, ack, &format!("{{\"error\":{}}}", refusal_json(refusal)));
    }

    pub(super) fn refuse_register(&mut self, cx: &mut Context<'_>, refusal: &Refusal, ack: Option<u64>) {
        cx.effect(Effect::RegisterRefused);
        self.say(cx, &Encoded::event(self.namespace(), "_register_error", &refusal_json(refusal)));
        self.refuse(cx, refusal, ack);
    }

    /// What somebody beyond the contract has to say.
    pub(crate) fn told(&mut self, cx: &mut Context<'_>, ack: Option<u64>, saying: &Saying) {
        match saying {
            Saying::Ack(answer) => self.ack_late(cx, ack, answer),
            Saying::Event { .. } if self.joined != Joined::Yes || !self.has_room() => {}
            Saying::Event { name, args } => self.say(cx, &Encoded::event(self.namespace(), name, args)),
        }
        self.settle(cx);
    }

    /// Where a credential is asked for, only who has shown one is heard.
    fn may_speak(&self, cx: &Context<'_>) -> bool {
        !is_checked(cx) || self.registered().is_some()
    }

    /// An answer that was waited for. A `register` whose worker is another one may have waited, too.
    pub(crate) fn ack_late(&mut self, cx: &mut Context<'_>, ack: Option<u64>, answer: &str) {
        self.ack(cx, ack, answer);
        self.awaited = self.awaited.saturating_sub(1);
        if matches!(&self.phase, Phase::Registering(registering) if !registering.asked) && !self.is_awaiting() {
            cx.effect(Effect::Register);
        }
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaited > 0
    }

    /// The answer to an event that asked for one.
    pub(crate) fn ack(&mut self, cx: &mut Context<'_>, ack: Option<u64>, answer: &str) {
        if let Some(id) = ack {
            self.say(cx, &Encoded::packet(&format!("43{}{id}[{answer}]", self.namespace())));
        }
    }
}
