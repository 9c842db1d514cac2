//! A house that does what its clients tell it, and writes down what it was told: the worker's side of the contract, without an engine.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tidings_engineio::websocket::{Message, Opcode, frame};
use tidings_engineio::{Action, Content, Exchange, Goodbye, Input, Link, Moment, Opening, Response, Sid, Transport};
use tidings_gateway::{Client, Document, Door, Found, Output, Reception, Slot, Visit, Visitor};

/// What happened in all houses, in order.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Diary {
    fn write(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_all();
    }

    /// Waits until a line is there, and gives all up to it.
    pub(crate) fn until(&self, line: &str) -> Vec<String> {
        let lines = self.0.0.lock().unwrap();
        let there = |lines: &mut Vec<String>| !lines.iter().any(|known| known == line);
        let (lines, late) = self.0.1.wait_timeout_while(lines, Duration::from_secs(10), there).unwrap();
        assert!(!late.timed_out(), "`{line}` is not in {lines:?}");
        lines.clone()
    }
}

#[derive(Debug)]
pub(crate) enum Mail {
    /// To every WebSocket.
    Say(Bytes),
    /// To the visitors that wait.
    Receive(Bytes),
}

pub(crate) struct Session {
    key: [u8; 12],
    is_socket: bool,
    /// Where it has gone to.
    waits: VecDeque<String>,
    open: bool,
    flood: usize,
    blocked: bool,
}

#[derive(Clone, Copy)]
struct Gone {
    key: [u8; 12],
    to: u16,
}

pub(crate) struct House {
    worker: u16,
    diary: Diary,
    sessions: Vec<Option<Session>>,
    notes: Vec<Gone>,
    arrivals: Vec<([u8; 12], Slot)>,
    out: VecDeque<Output>,
    visitors: Vec<Visitor>,
}

impl House {
    pub(crate) fn new(worker: u16, diary: &Diary) -> Self {
        Self {
            worker,
            diary: diary.clone(),
            sessions: Vec::new(),
            notes: Vec::new(),
            arrivals: Vec::new(),
            out: VecDeque::new(),
            visitors: Vec::new(),
        }
    }

    fn act(&mut self, slot: Slot, action: Action) {
        self.out.push_back(Output::Do(slot, action));
    }

    fn write(&mut self, slot: Slot, text: &str) {
        self.act(slot, Action::Write { link: Link::Socket, bytes: frame(Opcode::Text, text.as_bytes()) });
    }

    fn respond(&mut self, slot: Slot, exchange: Exchange, text: &str) {
        self.act(slot, Action::Respond { exchange, response: Response::ok(Content::Text, text.to_owned()) });
    }

    fn session(&mut self, slot: Slot) -> &mut Session {
        self.sessions[slot.0 as usize].as_mut().expect("a session that lives here")
    }

    fn end(&mut self, slot: Slot) {
        self.sessions[slot.0 as usize] = None;
        self.out.push_back(Output::Gone(slot));
    }

    fn poll(&mut self, slot: Slot) {
        let waiting = self.session(slot).waits.pop_front();
        match waiting {
            Some(text) => self.respond(slot, Exchange::NewPoll, &text),
            None => self.session(slot).open = true,
        }
    }

    fn say(&mut self, slot: Slot, text: String) {
        if std::mem::take(&mut self.session(slot).open) {
            self.respond(slot, Exchange::Poll, &text);
        } else {
            self.session(slot).waits.push_back(text);
        }
    }

    fn post(&mut self, slot: Slot, body: &str) {
        match body.split_once(':') {
            Some(("say", text)) => {
                self.respond(slot, Exchange::Post, "ok");
                self.say(slot, text.to_owned());
            }
            Some(("move", to)) => {
                self.respond(slot, Exchange::Post, "ok");
                self.out.push_back(Output::Move(slot, to.parse().expect("a worker")));
            }
            Some(("end", _)) => self.end(slot),
            Some(("length", _)) => self.respond(slot, Exchange::Post, &body.len().to_string()),
            _ => self.respond(slot, Exchange::Post, "ok"),
        }
    }

    fn message(&mut self, slot: Slot, text: &str) {
        match text.split_once(':') {
            Some(("move", to)) => self.out.push_back(Output::Move(slot, to.parse().expect("a worker"))),
            Some(("flood", megabytes)) => {
                self.session(slot).flood = megabytes.parse().expect("a number");
                self.flood(slot);
            }
            Some(("fin", _)) => {
                self.act(slot, Action::Shut { link: Link::Socket, goodbye: Goodbye::Fin });
                self.end(slot);
            }
            Some(("close", code)) => {
                let goodbye = Goodbye::Frame(code.parse().expect("a code"));
                self.act(slot, Action::Shut { link: Link::Socket, goodbye });
                self.end(slot);
            }
            Some(("length", _)) => self.write(slot, &text.len().to_string()),
            Some(("where", _)) => {
                let worker = self.worker;
                self.write(slot, &format!("worker {worker}"));
            }
            // As one that ignores `Blocked`.
            Some(("rude", _)) => (0..64).for_each(|_| self.write(slot, &"x".repeat(64 * 1024))),
            _ => self.write(slot, text),
        }
    }

    /// Writes 64 KiB at a time, and no more once blocked.
    fn flood(&mut self, slot: Slot) {
        let session = self.session(slot);
        if session.blocked || session.flood == 0 {
            return;
        }
        session.flood -= 1;
        let is_last = session.flood == 0;
        self.write(slot, &"x".repeat(64 * 1024));
        if is_last {
            self.write(slot, "all");
        }
        // Looked at again when that is written: by the wheel, as soon as may be.
        self.out.push_back(Output::Wake(slot, Moment(0)));
    }
}

fn document(body: Bytes) -> Document {
    Document { status: 200, content_type: "text/html", body }
}

impl Door for House {
    type Mail = Mail;
    type Traveller = Session;

    fn vacancy(&self) -> Slot {
        Slot(self.sessions.len() as u32)
    }

    fn open(&mut self, _: Moment, opening: Opening<'_>, client: Client<'_>) -> Result<(), Response> {
        if opening.query.contains("refuse") {
            return Err(Response { status: 403, content: Content::Json, location: None, body: Bytes::from_static(b"{}") });
        }
        let slot = self.vacancy();
        let is_socket = opening.transport == Transport::WebSocket;
        self.diary.write(format!("open from {}", client.addr));
        self.sessions.push(Some(Session {
            key: opening.sid.key,
            is_socket,
            waits: VecDeque::new(),
            open: false,
            flood: 0,
            blocked: false,
        }));
        let sid = opening.sid.to_string();
        if is_socket {
            self.write(slot, &sid)
        } else {
            self.respond(slot, Exchange::Poll, &sid)
        }
        Ok(())
    }

    fn find(&self, sid: &Sid) -> Found {
        if let Some((_, slot)) = self.arrivals.iter().rev().find(|(key, slot)| *key == sid.key && self.sessions[slot.0 as usize].is_some())
        {
            return Found::Here(*slot);
        }
        if let Some(gone) = self.notes.iter().rev().find(|gone| gone.key == sid.key) {
            return Found::Elsewhere { worker: gone.to };
        }
        if sid.worker != self.worker {
            return Found::Elsewhere { worker: sid.worker };
        }
        match self.sessions.get(sid.slot as usize) {
            Some(Some(session)) if session.key == sid.key => Found::Here(Slot(sid.slot)),
            _ => Found::Unknown,
        }
    }

    fn input(&mut self, _: Moment, slot: Slot, input: Input<'_>) {
        match input {
            Input::Poll { .. } => self.poll(slot),
            Input::Post { body, .. } => {
                self.diary.write(format!("post of {}", body.len()));
                self.post(slot, &String::from_utf8_lossy(body));
            }
            Input::Message { link: Link::Socket, message: Message::Text(text) } => self.message(slot, text),
            Input::Message { link: Link::Probe, message: Message::Text("upgrade") } => {
                self.session(slot).is_socket = true;
                self.act(slot, Action::Promote);
                self.write(slot, "upgraded");
            }
            Input::Message { link, message } => self.diary.write(format!("{link:?} {message:?}")),
            Input::Probe if self.session(slot).is_socket => self.act(slot, Action::Refuse),
            Input::Probe => self.diary.write("probe"),
            Input::SecondPost => self.end(slot),
            Input::Lost(exchange) => {
                self.diary.write(format!("lost {exchange:?}"));
                self.session(slot).open = false;
            }
            Input::Closed { link } => {
                self.diary.write(format!("closed {link:?}"));
                if link == Link::Socket {
                    self.end(slot);
                }
            }
            Input::Blocked => {
                self.diary.write("blocked");
                self.session(slot).blocked = true;
            }
            Input::Drained => {
                self.diary.write("drained");
                self.session(slot).blocked = false;
                self.flood(slot);
            }
        }
    }

    fn visit(&mut self, _: Moment, visitor: Visitor, visit: Visit<'_>) -> Reception {
        let Visit { method, path, query, body } = visit;
        self.diary.write(format!("visit {method} {path} ?{query} {}", String::from_utf8_lossy(body)));
        match path {
            "/now" => Reception::Answer(document(Bytes::copy_from_slice(body))),
            "/later" => {
                self.visitors.push(visitor);
                Reception::Later
            }
            _ => Reception::Unknown,
        }
    }

    fn timeout(&mut self, _: Moment, slot: Slot) {
        if self.sessions[slot.0 as usize].is_some() {
            self.flood(slot);
        }
    }

    fn mail(&mut self, _: Moment, mail: Mail) {
        let bytes = match mail {
            Mail::Say(bytes) => bytes,
            Mail::Receive(bytes) => {
                let answers = self.visitors.drain(..).map(|visitor| Output::Answer(visitor, document(bytes.clone())));
                return self.out.extend(answers);
            }
        };
        let sockets: Vec<_> =
            (0..self.sessions.len()).filter(|i| self.sessions[*i].as_ref().is_some_and(|session| session.is_socket)).collect();
        for i in sockets {
            self.act(Slot(i as u32), Action::Write { link: Link::Socket, bytes: bytes.clone() });
        }
    }

    fn output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn depart(&mut self, slot: Slot, to: u16) -> Session {
        let session = self.sessions[slot.0 as usize].take().expect("who departs lives here");
        self.notes.push(Gone { key: session.key, to });
        session
    }

    fn arrive(&mut self, _: Moment, traveller: Session) -> Slot {
        let slot = self.vacancy();
        self.diary.write(format!("arrived at {}", self.worker));
        self.arrivals.push((traveller.key, slot));
        self.sessions.push(Some(traveller));
        slot
    }

    fn len(&self) -> usize {
        self.sessions.iter().flatten().count()
    }

    fn drain(&mut self, _: Moment) {
        for i in 0..self.sessions.len() {
            if let Some(session) = &self.sessions[i] {
                let slot = Slot(i as u32);
                if session.is_socket {
                    self.write(slot, "farewell");
                }
                self.end(slot);
            }
        }
    }
}
