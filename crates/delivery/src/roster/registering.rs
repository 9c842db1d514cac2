//! Becoming somebody: a register's way to its worker, to the writer and back; who leaves, who is displaced.

use tidings_engineio::{Goodbye, Moment};
use tidings_model::{Adopt, Answer, Attached, ClientEvent, Dev, Leave, Refusal, Register, Report, Request, SocketId, Verdict, worker_of};

use super::{Roster, Seat};
use crate::context::Said;
use crate::intent::refusal_json;
use crate::output::{Output, Ticket};
use crate::session::{Adopting, Phase, Session, Wish};

impl Roster {
    /// A session wants to be somebody. It goes to the worker of that registration first, then asks.
    pub(super) fn register(&mut self, now: Moment, slot: u32) {
        let Some(session) = self.sessions.get(slot) else { return };
        let (app, Phase::Registering(registering)) = (session.app, &session.phase) else { return };
        let Wish::Known(uid) = &registering.wish else { return self.check(slot) };
        let home = worker_of(app, uid, self.config.workers) as u16;
        let (uid, device_id, socket) = (uid.clone(), registering.device_id.clone(), registering.socket);
        if home != self.config.worker {
            if session.is_awaiting() {
                return;
            }
            self.detach(now, slot);
            return self.out.push_back(Output::Move(slot, home));
        }
        // Proofs go ahead of the request, in the same lane; those that come now wait for its answer.
        self.save(now);
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let ticket = session.ticket(slot);
        let Phase::Registering(registering) = &mut session.phase else { return };
        registering.asked = true;
        let request = Register { app, uid: uid.clone(), device_id, print: session.peer.print, addr: session.peer.addr, socket };
        self.asking.insert(ticket, uid);
        self.out.push_back(Output::Ask(ticket, Request::Register(request)));
    }

    /// Whoever has to show a credential is looked at first, on the worker where it is.
    fn check(&mut self, slot: u32) {
        let Some(Phase::Registering(registering)) = self.sessions.get_mut(slot).map(|session| &mut session.phase) else { return };
        if let Wish::Claimed(claim) = std::mem::replace(&mut registering.wish, Wish::Checking) {
            self.out.push_back(Output::Check(slot, registering.socket, claim));
        }
    }

    /// The verifier has looked at what `socket` showed.
    pub fn checked(&mut self, now: Moment, slot: u32, socket: SocketId, verdict: Verdict) {
        if !self.sessions.get(slot).is_some_and(|session| session.is_checking(socket)) {
            return;
        }
        match verdict {
            Ok(uid) => self.with(now, slot, |session, cx| session.admit(cx, uid)),
            Err(refusal) => {
                self.with(now, slot, |session, cx| session.refused(cx, &refusal));
            }
        }
    }

    /// An answer of the writer. The worker has read the log up to `Attached::at` before it comes here.
    pub fn answer(&mut self, now: Moment, ticket: Ticket, answer: Answer) {
        self.asking.remove(&ticket);
        match ticket {
            Ticket::ROSTER => self.saved(now, &answer),
            Ticket::NOBODY => {}
            Ticket { ack: Some(id), .. } => self.acked(now, ticket, id, &answer),
            Ticket { slot, .. } => {
                let present = self.is_tenant(ticket);
                match answer {
                    Answer::Attached(attached) => {
                        // No older fact about this registration may hit the new session.
                        self.finish(now);
                        self.attached(now, slot, present, attached);
                    }
                    Answer::Refused(refusal) if present => self.refused(now, slot, &refusal),
                    Answer::Refused(_)
                    | Answer::Accepted(_)
                    | Answer::Counted(_)
                    | Answer::Connected(_)
                    | Answer::Subscribed(_)
                    | Answer::Closed(_)
                    | Answer::App(_)
                    | Answer::Key(_)
                    | Answer::Sink(_)
                    | Answer::Done => {}
                }
            }
        }
        if self.asking.is_empty() {
            self.ended.clear();
            self.passed.clear();
        }
    }

    pub(super) fn is_tenant(&self, ticket: Ticket) -> bool {
        self.sessions.get(ticket.slot).is_some_and(|session| session.tenant == ticket.tenant)
    }

    fn attached(&mut self, now: Moment, slot: u32, present: bool, attached: Attached) {
        let session = self.sessions.get(slot).filter(|_| present);
        let adopts = |session: &Session| session.registered().is_some_and(|registered| registered.socket == attached.socket);
        let registers =
            |session: &Session| matches!(&session.phase, Phase::Registering(registering) if registering.socket == attached.socket);
        match session {
            Some(session) if registers(session) => {}
            Some(session) if adopts(session) => return self.adopted(now, slot, &attached),
            Some(_) | None => {
                return self.came_too_late(&attached);
            }
        }
        self.detach_previous(now, slot);
        attached.dev.into_iter().for_each(|dev| self.saving.disown(dev));
        let home = self.homes.entry(attached.reg).or_default();
        home.slots.push(slot);
        if home.slots.len() == 1 {
            self.move_in(attached.reg, attached.at, &attached.topics);
        }
        if let Some((old, dev)) = self.claim(slot, &attached) {
            self.displace(now, old, dev);
        }
        self.counters.registered += 1;
        let (reg, at) = (attached.reg, attached.at);
        self.with(now, slot, |session, cx| session.attach(cx, attached));
        if let Some((_, how)) = self.ended.get(&reg).copied().filter(|(ended, _)| at < *ended) {
            self.end_registration(now, reg, how);
        }
    }

    /// The socket closed while the writer was at it: it leaves, and whom it displaced in the writer's eyes is announced again.
    fn came_too_late(&mut self, attached: &Attached) {
        let leave = Leave { reg: attached.reg, socket: attached.socket };
        self.out.push_back(Output::Ask(Ticket::NOBODY, Request::Leave(leave)));
        let Some(seat) = attached.dev.and_then(|dev| self.seats.get(&dev)) else { return };
        let Some((slot, session)) = seat.slot.and_then(|slot| Some((slot, self.sessions.get(slot)?))) else { return };
        let Some(registered) = session.registered() else { return };
        let again = Register {
            app: session.app,
            uid: registered.uid.clone(),
            device_id: registered.device_id.clone(),
            print: session.peer.print,
            addr: session.peer.addr,
            socket: registered.socket,
        };
        self.out.push_back(Output::Ask(session.ticket(slot), Request::Register(again)));
    }

    /// Who the socket was until now: its last proofs, then its leave.
    fn detach_previous(&mut self, now: Moment, slot: u32) {
        let Some(registered) = self.sessions.get(slot).and_then(|session| session.registered()) else { return };
        let (reg, socket) = (registered.reg, registered.socket);
        self.collect(slot);
        self.unseat(slot);
        self.save(now);
        self.out.push_back(Output::Ask(Ticket::NOBODY, Request::Leave(Leave { reg, socket })));
    }

    /// The device is served by this socket from here on. The one that served it until now, if that is another.
    fn claim(&mut self, slot: u32, attached: &Attached) -> Option<(u32, Dev)> {
        let dev = attached.dev?;
        let before = self.seats.get(&dev).copied();
        let turns = before.map(|seat| seat.turns).unwrap_or_default();
        self.seats.insert(dev, Seat { reg: attached.reg, slot: Some(slot), turns });
        if let Some(home) = self.homes.get_mut(&attached.reg) {
            home.devs.push(dev);
        }
        before?.slot.filter(|old| *old != slot).map(|old| (old, dev))
    }

    /// The old socket of a device: with a device id it is closed, a ghost's becomes an extra.
    fn displace(&mut self, now: Moment, old: u32, dev: Dev) {
        self.counters.displaced += 1;
        let named = self.sessions.get(old).and_then(|session| session.registered()).is_some_and(|old| old.device_id.is_some());
        match (named, self.takes_turns(now, dev)) {
            (false, _) => self.with(now, old, |session, cx| session.displace(cx)),
            (true, false) => {
                self.with(now, old, |session, cx| session.disown(cx));
                self.with(now, old, |session, cx| session.close(cx, Goodbye::Fin));
            }
            // Two phones share a copied id: the older one is kept, live only, rather than let them fight.
            (true, true) => {
                self.counters.copied_ids += 1;
                tracing::info!(?dev, "a device id is used by two phones");
                self.with(now, old, |session, cx| {
                    session.disown(cx);
                    session.adopted(cx, None);
                    session.settle(cx);
                });
            }
        }
    }

    /// More than five takeovers of one device in a minute.
    fn takes_turns(&mut self, now: Moment, dev: Dev) -> bool {
        const TURNS_PER_MINUTE: u32 = 5;
        self.seats.get_mut(&dev).is_some_and(|seat| !seat.turns.allow(now, TURNS_PER_MINUTE))
    }

    /// Takes a socket off its registration's list.
    fn unseat(&mut self, slot: u32) {
        let Some(registered) = self.sessions.get(slot).and_then(|session| session.registered()) else { return };
        let (reg, dev) = (registered.reg, registered.dev);
        if let Some(seat) = dev.and_then(|dev| self.seats.get_mut(&dev)).filter(|seat| seat.slot == Some(slot)) {
            seat.slot = None;
        }
        let Some(home) = self.homes.get_mut(&reg) else { return };
        home.slots.retain(|other| *other != slot);
        if home.slots.is_empty() {
            self.move_out(reg);
            for dev in self.homes.remove(&reg).unwrap_or_default().devs {
                self.seats.remove(&dev);
            }
        }
    }

    /// A registered socket leaves its registration: by `41`, by its end, by a move.
    pub(super) fn detach(&mut self, now: Moment, slot: u32) {
        let Some(registered) = self.sessions.get(slot).and_then(|session| session.registered()) else { return };
        let (reg, socket) = (registered.reg, registered.socket);
        if !self.collect(slot) {
            // A register decides about its device just now: what it has not told yet is not told any more.
            self.with_registered(slot, |registered| registered.proving.disown());
        }
        self.unseat(slot);
        self.save(now);
        self.saving.hurry();
        self.out.push_back(Output::Ask(Ticket::NOBODY, Request::Leave(Leave { reg, socket })));
        self.with(now, slot, |session, cx| session.detach(cx));
    }

    fn with_registered(&mut self, slot: u32, f: impl FnOnce(&mut crate::session::Registered)) {
        if let Some(registered) = self.sessions.get_mut(slot).and_then(|session| session.registered_mut()) {
            f(registered);
        }
    }

    fn refused(&mut self, now: Moment, slot: u32, refusal: &Refusal) {
        let registers = |session: &Session| matches!(&session.phase, Phase::Registering(registering) if registering.asked);
        if !self.sessions.get(slot).is_some_and(registers) {
            return self.with(now, slot, |session, cx| {
                if session.registered().is_some_and(|registered| registered.adopting == Adopting::Asked) {
                    session.adopted(cx, None);
                    session.settle(cx);
                }
            });
        }
        self.with(now, slot, |session, cx| session.refused(cx, refusal));
    }

    /// An extra has answered its question: it becomes a device of its own, at its own proven position.
    pub(super) fn adopt(&mut self, slot: u32) {
        let Some(session) = self.sessions.get(slot) else { return };
        let Some(registered) = session.registered() else { return };
        let request = Adopt {
            reg: registered.reg,
            print: session.peer.print,
            addr: session.peer.addr,
            cursor: registered.proving.proven,
            socket: registered.socket,
        };
        let ticket = session.ticket(slot);
        self.out.push_back(Output::Ask(ticket, Request::Adopt(request)));
    }

    fn adopted(&mut self, now: Moment, slot: u32, attached: &Attached) {
        if let Some((old, dev)) = self.claim(slot, attached) {
            self.saving.disown(dev);
            self.displace(now, old, dev);
        }
        self.with(now, slot, |session, cx| {
            session.adopted(cx, attached.dev);
            session.settle(cx);
        });
        self.saving.dirty(slot);
    }

    pub(super) fn report(&mut self, slot: u32, said: Said) {
        let Some(session) = self.sessions.get(slot) else { return };
        let registered = session.registered();
        let report = Report {
            app: session.app,
            reg: registered.map(|registered| registered.reg),
            dev: registered.and_then(|registered| registered.dev),
            id: said.id,
            inferred: said.inferred,
            written: registered.map(|_| session.written()).unwrap_or_default(),
            status: said.status,
        };
        let ticket = answered_to(session.ticket(slot), said.ack);
        self.out.push_back(Output::Ask(ticket, Request::Report(report)));
    }

    pub(super) fn emit(&mut self, slot: u32, event: ClientEvent, ack: Option<u64>) {
        let Some(session) = self.sessions.get(slot) else { return };
        let ticket = answered_to(session.ticket(slot), ack);
        self.counters.client_events += 1;
        self.out.push_back(Output::Ask(ticket, Request::Emit(event)));
    }

    /// A report's or an event's answer goes to the socket that asked for an ack.
    pub(super) fn acked(&mut self, now: Moment, ticket: Ticket, id: u64, answer: &Answer) {
        let json = match answer {
            Answer::Refused(refusal) => format!("{{\"error\":{}}}", refusal_json(refusal)),
            Answer::Done
            | Answer::Accepted(_)
            | Answer::Counted(_)
            | Answer::Connected(_)
            | Answer::Subscribed(_)
            | Answer::Closed(_)
            | Answer::App(_)
            | Answer::Key(_)
            | Answer::Sink(_)
            | Answer::Attached(_) => "{\"ok\":true}".to_owned(),
        };
        if self.is_tenant(ticket) {
            self.with(now, ticket.slot, |session, cx| {
                session.ack_late(cx, Some(id), &json);
                session.settle(cx);
            });
        }
    }
}

/// Where an answer goes that only an ack tells.
fn answered_to(socket: Ticket, ack: Option<u64>) -> Ticket {
    if ack.is_some() { Ticket { ack, ..socket } } else { Ticket::NOBODY }
}
