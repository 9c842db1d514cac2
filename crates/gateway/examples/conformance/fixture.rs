//! A house of sessions for the suites: the engine, and behind it an echo or a small Socket.IO server.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tidings_engineio::{Data, Engine, Event, Events, Frame, Goodbye, Input, Moment, Opening, Outgoing, Response, Revision, Settings, Sid};
use tidings_gateway::{Client, Door, Found, Output, Slab, Slot};

use crate::script::Script;
use crate::talk::{Broken, Deed, Say, Talk};

/// The bare engine, which sends back each message as it came; and the Socket.IO server of the suites.
pub(crate) const PATHS: [&str; 2] = ["/engine.io/", "/socket.io/"];
const SOCKET_IO: usize = 1;

pub(crate) struct Session {
    sid: Sid,
    engine: Engine,
    /// None: an echo.
    talk: Option<Talk>,
    connect_by: Moment,
}

pub(crate) struct Fixture {
    worker: u16,
    script: Script,
    settings: Settings,
    connect_timeout: Duration,
    sessions: Slab<Session>,
    out: VecDeque<Output>,
}

impl Fixture {
    pub(crate) fn new(worker: u16, script: Script, settings: Settings, connect_timeout: Duration) -> Self {
        Self { worker, script, settings, connect_timeout, sessions: Slab::default(), out: VecDeque::new() }
    }

    /// Drives one session's engine, and what stands behind it.
    fn drive<'a>(
        &mut self,
        now: Moment,
        slot: Slot,
        step: impl FnOnce(&mut Engine, &Settings, &mut dyn FnMut(tidings_engineio::Action)) -> Events<'a>,
    ) {
        let Some(session) = self.sessions.get_mut(slot.0) else { return };
        let out = &mut self.out;
        let mut act = |action| out.push_back(Output::Do(slot, action));
        let mut over = false;
        let mut casts = Vec::new();
        for event in step(&mut session.engine, &self.settings, &mut act) {
            match event {
                Event::Message(data) => match hear(session.talk.as_mut(), data) {
                    Ok(deeds) => casts.extend(deeds.into_iter().filter_map(|deed| perform(&mut session.engine, deed, &mut act))),
                    Err(Broken) => over |= session.engine.close(now, Goodbye::Fin, &mut act),
                },
                Event::Closed(_) => over = true,
                Event::Upgraded => session.talk.iter_mut().for_each(|talk| talk.transport = "websocket"),
                Event::Answered { .. } | Event::Unanswered => {}
            }
        }
        if !over && now >= session.connect_by && session.talk.as_ref().is_some_and(|talk| !talk.has_joined()) {
            over = session.engine.close(now, Goodbye::Fin, &mut act);
        }
        session.engine.flush(&mut act);
        if over {
            self.sessions.remove(slot.0);
            self.out.push_back(Output::Gone(slot));
        } else {
            self.file(slot);
        }
        casts.into_iter().for_each(|cast| self.cast(&cast));
    }

    /// To each of this worker's sessions in the room: who casts runs one worker.
    fn cast(&mut self, cast: &Cast) {
        let slots: Vec<u32> = self.sessions.keys().collect();
        for slot in slots {
            let hears = |session: &&mut Session| session.talk.as_ref().is_some_and(|talk| talk.hears_room(&cast.namespace, &cast.room));
            let Some(session) = self.sessions.get_mut(slot).filter(hears) else { continue };
            let out = &mut self.out;
            let mut act = |action| out.push_back(Output::Do(Slot(slot), action));
            send(&mut session.engine, cast.say.clone(), &mut act);
            session.engine.flush(&mut act);
        }
    }

    fn file(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get(slot.0) else { return };
        let connect_by = session.talk.as_ref().filter(|talk| !talk.has_joined() && !session.engine.is_closed()).map(|_| session.connect_by);
        let due = [session.engine.poll_timeout(&self.settings), connect_by].into_iter().flatten().min();
        self.out.extend(due.map(|due| Output::Wake(slot, due)));
    }
}

fn hear(talk: Option<&mut Talk>, data: Data<'_>) -> Result<Vec<Deed>, Broken> {
    let echo = match (talk, data) {
        (Some(talk), data) => return talk.hear(data),
        (None, Data::Text(text)) => Say::text(text.into_owned()),
        (None, Data::Binary(bytes)) => Say { text: None, attachments: vec![Bytes::copy_from_slice(&bytes)] },
    };
    Ok(vec![Deed::Say(echo)])
}

/// What is for others, too, is left for later.
struct Cast {
    namespace: String,
    room: String,
    say: Say,
}

fn perform(engine: &mut Engine, deed: Deed, act: &mut dyn FnMut(tidings_engineio::Action)) -> Option<Cast> {
    match deed {
        Deed::Say(say) => {
            send(engine, say, act);
            None
        }
        Deed::Cast { namespace, room, say } => Some(Cast { namespace, room, say }),
    }
}

fn send(engine: &mut Engine, say: Say, act: &mut dyn FnMut(tidings_engineio::Action)) {
    let mut left = say.attachments.len();
    if let Some(text) = say.text {
        let text = if engine.wants_ascii() { tidings_json::ascii(&text).into_owned() } else { text };
        engine.send(Outgoing::Text(Frame::new(&format!("4{text}"))), None, left > 0, act);
    }
    for attachment in say.attachments {
        left -= 1;
        engine.send(Outgoing::Binary(attachment), None, left > 0, act);
    }
}

impl Door for Fixture {
    type Mail = ();
    type Traveller = Session;

    fn vacancy(&self) -> Slot {
        Slot(self.sessions.vacancy())
    }

    fn open(&mut self, now: Moment, opening: Opening<'_>, client: Client<'_>) -> Result<(), Response> {
        let slot = self.vacancy();
        let (sid, revision) = (opening.sid, opening.revision);
        let out = &mut self.out;
        let engine = Engine::open(now, &self.settings, &opening, &mut |action| out.push_back(Output::Do(slot, action)));
        let talk = (client.place == SOCKET_IO).then(|| Talk::new(self.script, &opening));
        let session = Session { sid, engine, talk, connect_by: now + self.connect_timeout };
        self.sessions.insert(session);
        if client.place == SOCKET_IO && revision == Revision::V3 {
            self.greet(slot);
        }
        self.file(slot);
        Ok(())
    }

    fn find(&self, sid: &Sid) -> Found {
        if sid.worker != self.worker {
            return Found::Elsewhere { worker: sid.worker };
        }
        let slot = Slot(sid.slot);
        if self.sessions.get(slot.0).is_some_and(|session| session.sid == *sid) { Found::Here(slot) } else { Found::Unknown }
    }

    fn input(&mut self, now: Moment, slot: Slot, input: Input<'_>) {
        self.drive(now, slot, |engine, settings, act| engine.handle_input(now, settings, input, act));
    }

    fn timeout(&mut self, now: Moment, slot: Slot) {
        self.drive(now, slot, |engine, settings, act| engine.handle_timeout(now, settings, act));
    }

    fn mail(&mut self, _: Moment, (): ()) {}

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

    fn drain(&mut self, now: Moment) {
        let slots: Vec<Slot> = self.sessions.keys().map(Slot).collect();
        for slot in slots {
            self.drive(now, slot, |engine, _, act| {
                let mut events = Events::new();
                if engine.close(now, Goodbye::Fin, act) {
                    events.push(Event::Closed(tidings_engineio::Reason::Closed));
                }
                events
            });
        }
    }
}

impl Fixture {
    /// Protocol 4 has joined `/` by opening.
    fn greet(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get_mut(slot.0) else { return };
        let Some(talk) = &mut session.talk else { return };
        let out = &mut self.out;
        let mut act = |action| out.push_back(Output::Do(slot, action));
        for deed in talk.greet() {
            perform(&mut session.engine, deed, &mut act);
        }
        session.engine.flush(&mut act);
    }
}
