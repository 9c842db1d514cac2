//! The house behind the listener: its sessions, and their calls on the way to the executor and back.

use std::collections::VecDeque;
use std::time::Duration;

use tidings_api::{Declined, PageEvents};
use tidings_engineio::{Action, Engine, Event, Events, Fault, Frame, Goodbye, Input, Moment, Opening, Outgoing, Response, Settings, Sid};
use tidings_gateway::{Client, Door, Found, Output, Sender, Slab, Slot};
use tidings_model::MessageId;

use crate::talk::{Broken, Call, Talk, Wish};

#[cfg(test)]
mod tests;

/// Bytes that may wait for a client's next GET; one that only posts is let go.
const QUEUE_MAX: usize = 1 << 20;

/// What became of a call.
pub(crate) struct Answered {
    slot: Slot,
    /// Who has the slot then may be somebody else.
    key: [u8; 12],
    ack: Option<u64>,
    answer: Result<MessageId, Declined>,
}

pub(crate) struct Session {
    sid: Sid,
    engine: Engine,
    talk: Talk,
    connect_by: Moment,
}

/// One worker's house. There is only one: a few clients that ask for little, so that no session ever moves.
pub(crate) struct Pages {
    settings: Settings,
    /// A client that has not joined `/backend` by then is closed.
    connect_timeout: Duration,
    events: PageEvents,
    mail: Sender<Answered>,
    sessions: Slab<Session>,
    out: VecDeque<Output>,
    draining: bool,
}

impl Pages {
    pub(crate) fn new(settings: Settings, connect_timeout: Duration, events: PageEvents, mail: Sender<Answered>) -> Self {
        Self { settings, connect_timeout, events, mail, sessions: Slab::default(), out: VecDeque::new(), draining: false }
    }

    /// Drives one session: its engine first, then what that heard.
    fn drive<'a>(&mut self, now: Moment, slot: Slot, step: impl FnOnce(&mut Session, &Settings, &mut dyn FnMut(Action)) -> Events<'a>) {
        let Some(session) = self.sessions.get_mut(slot.0) else { return };
        let out = &mut self.out;
        let mut act = |action| out.push_back(Output::Do(slot, action));
        let mut calls = Vec::new();
        let mut over = false;
        for event in step(session, &self.settings, &mut act) {
            match event {
                Event::Message(data) => match session.talk.hear(data) {
                    Ok(wishes) => wishes.into_iter().for_each(|wish| session.take(wish, &mut calls, &mut act)),
                    Err(Broken) => over |= session.engine.close(now, Goodbye::Fin, &mut act),
                },
                Event::Closed(_) => over = true,
                Event::Answered { .. } | Event::Unanswered | Event::Upgraded => {}
            }
        }
        let late = now >= session.connect_by && !session.talk.has_joined();
        let leaves = self.draining && !session.talk.waits() && calls.is_empty();
        let deaf = session.engine.queued_bytes() > QUEUE_MAX;
        if !over && (late || leaves || deaf) {
            // Who never asks is not waited for, not even with the goodbye.
            over = session.engine.close(now, Goodbye::Fin, &mut act) || deaf;
        }
        session.engine.flush(&mut act);
        let key = session.sid.key;
        calls.into_iter().for_each(|call| self.publish(slot, key, call));
        if over {
            self.sessions.remove(slot.0);
            self.out.push_back(Output::Gone(slot));
        } else {
            self.file(slot);
        }
    }

    fn publish(&self, slot: Slot, key: [u8; 12], call: Call) {
        let Call { by, event, args, ack } = call;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mail = self.mail.clone();
        self.events.publish(&by, event, &args, move |answer| {
            // A worker that has ended needs no answer.
            let _ = mail.tell(Answered { slot, key, ack, answer });
        });
    }

    fn file(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get(slot.0) else { return };
        let connect_by = (!session.talk.has_joined() && !session.engine.is_closed()).then_some(session.connect_by);
        let due = [session.engine.poll_timeout(&self.settings), connect_by].into_iter().flatten().min();
        self.out.extend(due.map(|due| Output::Wake(slot, due)));
    }
}

impl Session {
    fn take(&mut self, wish: Wish, calls: &mut Vec<Call>, act: &mut dyn FnMut(Action)) {
        match wish {
            Wish::Publish(call) => calls.push(call),
            Wish::Say(text) => {
                let text = if self.engine.wants_ascii() { tidings_json::ascii(&text).into_owned() } else { text };
                self.engine.send(Outgoing::Text(Frame::new(&format!("4{text}"))), None, false, act);
            }
        }
    }
}

impl Door for Pages {
    type Mail = Answered;
    type Traveller = Session;

    fn vacancy(&self) -> Slot {
        Slot(self.sessions.vacancy())
    }

    fn open(&mut self, now: Moment, opening: Opening<'_>, _: Client<'_>) -> Result<(), Response> {
        if self.draining {
            return Err(Response { status: 503, ..Fault::BadRequest.response() });
        }
        let slot = self.vacancy();
        let out = &mut self.out;
        let mut act = |action| out.push_back(Output::Do(slot, action));
        let engine = Engine::open(now, &self.settings, &opening, &mut act);
        let events = self.events.clone();
        let talk = Talk::new(opening.revision, public_id(), opening.query, Box::new(move |key| events.let_in(key)));
        let mut session = Session { sid: opening.sid, engine, talk, connect_by: now + self.connect_timeout };
        if let Some(wish) = session.talk.greet() {
            session.take(wish, &mut Vec::new(), &mut act);
            session.engine.flush(&mut act);
        }
        self.sessions.insert(session);
        self.file(slot);
        Ok(())
    }

    fn find(&self, sid: &Sid) -> Found {
        let slot = Slot(sid.slot);
        if self.sessions.get(slot.0).is_some_and(|session| session.sid == *sid) { Found::Here(slot) } else { Found::Unknown }
    }

    fn input(&mut self, now: Moment, slot: Slot, input: Input<'_>) {
        self.drive(now, slot, |session, settings, act| session.engine.handle_input(now, settings, input, act));
    }

    fn timeout(&mut self, now: Moment, slot: Slot) {
        self.drive(now, slot, |session, settings, act| session.engine.handle_timeout(now, settings, act));
    }

    fn mail(&mut self, now: Moment, mail: Answered) {
        let Answered { slot, key, ack, answer } = mail;
        if self.sessions.get(slot.0).is_none_or(|session| session.sid.key != key) {
            return;
        }
        self.drive(now, slot, |session, _, act| {
            if let Some(wish) = session.talk.answered(ack, answer) {
                session.take(wish, &mut Vec::new(), act);
            }
            Events::new()
        });
    }

    fn output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn depart(&mut self, slot: Slot, _: u16) -> Session {
        self.sessions.remove(slot.0).expect("who departs lives here")
    }

    fn arrive(&mut self, _: Moment, traveller: Session) -> Slot {
        Slot(self.sessions.insert(traveller))
    }

    fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whoever waits for an answer gets it first.
    fn drain(&mut self, now: Moment) {
        self.draining = true;
        let slots: Vec<Slot> = self.sessions.keys().map(Slot).collect();
        for slot in slots {
            self.drive(now, slot, |_, _, _| Events::new());
        }
    }
}

/// 20 characters; not the Engine.IO sid, which is a secret.
fn public_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = [0; 20];
    getrandom::fill(&mut random).expect("the system has random bits");
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}
