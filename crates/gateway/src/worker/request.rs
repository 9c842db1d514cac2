//! HTTP requests in: each finds its session, here or on another worker, or is answered without one.

use bytes::Bytes;
use rustix::event::epoll::EventData;
use tidings_engineio::websocket::Reader;
use tidings_engineio::{Exchange, Fault, Form, Input, Link, Response, Sid};

use super::Worker;
use super::conn::{Collect, Conn, Phase, Socket, State, What};
use super::conns::{Key, NONE};
use crate::http::{self, Body, Framed, Handshake, Page, Reply, Request};
use crate::{Document, Door, Found, Reception, Slot, Visit, Visitor};

/// Workers that pass a request on; then its session is unknown.
const HOPS_MAX: u8 = 2;

/// Where a request's session is.
enum Place {
    Here(Slot),
    Passed,
    Unknown,
}

/// A POST that is there as a whole.
struct Post<'a> {
    sid: Sid,
    form: Form,
    jsonp: bool,
    body: &'a [u8],
}

impl<D: Door> Worker<D> {
    /// One request's head, with its body if that is there; None while it is not whole.
    pub(super) fn head(&mut self, index: u32, bytes: &mut [u8]) -> Option<usize> {
        let State::Http(http) = &self.conns.get(index)?.state else { return None };
        let peer = http.peer;
        let shared = std::sync::Arc::clone(&self.parts.shared);
        let Some(head) = http::read(bytes, peer, &shared.site) else {
            self.begin_head(index);
            return None;
        };
        self.numbers.requests += 1;
        let (len, mut reply) = (head.len, head.reply);
        reply.close |= self.is_stopping();
        let behind = bytes.get(len..).unwrap_or_default();
        match head.request {
            Request::Handshake(handshake) => self.open(index, &handshake, reply),
            Request::Socket { handshake, accept } => self.open_socket(index, &handshake, &accept, reply),
            Request::Poll { sid, jsonp, stamp, number, query } => {
                let input = Input::Poll { jsonp, stamp: stamp.as_deref(), number, query };
                match self.place(index, &sid, bytes) {
                    Place::Here(slot) => self.poll(index, slot, input, reply),
                    Place::Passed => return Some(bytes.len()),
                    Place::Unknown => self.answer(index, Page::Fault(Fault::UnknownSid), &reply),
                }
            }
            Request::Post { sid, form, jsonp, framed, waits } => match self.place(index, &sid, bytes) {
                Place::Here(slot) if self.conns.linked(slot).post != NONE => {
                    self.second_post(index, slot, reply);
                    return Some(bytes.len());
                }
                Place::Here(slot) => {
                    if let Framed::Length(length) = framed
                        && let Some(body) = behind.get(..length)
                    {
                        self.post(index, Post { sid, form, jsonp, body }, reply);
                        return Some(len + length);
                    }
                    let body = Body::new(framed, shared.site.body_max);
                    self.conns.links(slot).post = index;
                    let what = What::Post { sid, form, jsonp };
                    self.collect(index, Collect { what, reply, body }, waits && behind.is_empty());
                }
                Place::Passed => return Some(bytes.len()),
                Place::Unknown => {
                    // Its body is not read.
                    reply.close = true;
                    self.answer(index, Page::Fault(Fault::UnknownSid), &reply);
                }
            },
            Request::Probe { sid, accept } => match self.place(index, &sid, bytes) {
                Place::Here(slot) => self.probe(index, slot, &accept, &reply),
                Place::Passed => return Some(bytes.len()),
                Place::Unknown => self.answer(index, Page::Fault(Fault::UnknownSid), &reply),
            },
            Request::Misplaced { sid } => match self.place(index, &sid, bytes) {
                Place::Here(_) => self.answer(index, Page::Fault(Fault::BadRequest), &reply),
                Place::Passed => return Some(bytes.len()),
                Place::Unknown => self.answer(index, Page::Fault(Fault::UnknownSid), &reply),
            },
            Request::Preflight { headers } => {
                self.buffers.page.clear();
                http::render_preflight(&mut self.buffers.page, &reply, &shared.site.cors, headers);
                self.send_page(index, reply.ends());
            }
            Request::Visit { method, path, query, framed: None, .. } => self.visit(index, Visit { method, path, query, body: &[] }, reply),
            Request::Visit { method, path, query, framed: Some(framed), waits } => {
                let what = What::Visit { method: method.into(), path: path.into(), query: query.into() };
                let body = Body::new(framed, shared.site.body_max);
                self.collect(index, Collect { what, reply, body }, waits && behind.is_empty());
            }
            Request::Health => self.answer(index, Page::Health { well: !self.is_stopping() }, &reply),
            Request::Answer(page) => self.answer(index, page, &reply),
        }
        Some(len)
    }

    /// Finds the session; where another worker has it, the connection goes there with `bytes`, its request at the front.
    fn place(&mut self, index: u32, sid: &Sid, bytes: &[u8]) -> Place {
        let Some(State::Http(http)) = self.conns.get(index).map(|conn| &mut conn.state) else { return Place::Unknown };
        match self.parts.door.find(sid) {
            Found::Here(slot) => {
                http.hops = 0;
                Place::Here(slot)
            }
            Found::Elsewhere { worker } if http.hops < HOPS_MAX && worker != self.parts.number => {
                http.hops += 1;
                if self.pass(index, worker, bytes) { Place::Passed } else { Place::Unknown }
            }
            Found::Elsewhere { .. } | Found::Unknown => {
                http.hops = 0;
                Place::Unknown
            }
        }
    }

    fn open(&mut self, index: u32, handshake: &Handshake<'_>, reply: Reply) {
        if self.is_stopping() {
            return self.answer(index, Page::Status(503), &reply);
        }
        let slot = self.parts.door.vacancy();
        let opening = handshake.opening(self.new_sid(slot));
        match self.parts.door.open(self.turn.now, opening, handshake.client) {
            Ok(()) => {
                self.wait(index, slot, Exchange::Poll, reply);
                self.obey_arrival(index, slot);
            }
            Err(response) => self.respond_with(index, &reply, &response),
        }
    }

    /// The head of the answer and the first frames leave in one piece.
    fn open_socket(&mut self, index: u32, handshake: &Handshake<'_>, accept: &str, reply: Reply) {
        if self.is_stopping() {
            return self.answer(index, Page::Status(503), &reply);
        }
        let slot = self.parts.door.vacancy();
        let opening = handshake.opening(self.new_sid(slot));
        if let Err(response) = self.parts.door.open(self.turn.now, opening, handshake.client) {
            return self.respond_with(index, &reply, &response);
        }
        self.become_socket(index, slot, Link::Socket);
        let mut cork = Vec::with_capacity(512);
        http::render_switch(&mut cork, accept);
        self.turn.corked = Some((index, cork));
        self.obey();
        self.uncork();
    }

    fn poll(&mut self, index: u32, slot: Slot, input: Input<'_>, reply: Reply) {
        self.wait(index, slot, Exchange::Poll, reply);
        self.parts.door.input(self.turn.now, slot, input);
        self.obey_arrival(index, slot);
    }

    /// After a request that is a GET: if nothing answered it, it is held from here on.
    fn obey_arrival(&mut self, index: u32, slot: Slot) {
        self.turn.arriving = Some((slot, index));
        self.obey();
        if self.turn.arriving.take().is_none() {
            return;
        }
        let older = std::mem::replace(&mut self.conns.links(slot).poll, index);
        debug_assert!(older == NONE, "a session holds one GET");
        if older != NONE {
            self.finish(older);
        }
    }

    fn post(&mut self, index: u32, post: Post<'_>, reply: Reply) {
        // The session may have gone or moved while the body came.
        let slot = match self.parts.door.find(&post.sid) {
            Found::Here(slot) => slot,
            Found::Elsewhere { .. } | Found::Unknown => return self.answer(index, Page::Fault(Fault::UnknownSid), &reply),
        };
        self.wait(index, slot, Exchange::Post, reply);
        self.conns.links(slot).post = index;
        let Post { form, jsonp, body, .. } = post;
        self.parts.door.input(self.turn.now, slot, Input::Post { form, jsonp, body });
        self.obey();
    }

    /// Two at once have no order: the session ends. Neither body is read to its end.
    fn second_post(&mut self, index: u32, slot: Slot, mut reply: Reply) {
        reply.close = true;
        self.answer(index, Page::Fault(Fault::BadRequest), &reply);
        self.parts.door.input(self.turn.now, slot, Input::SecondPost);
        self.obey();
    }

    /// The connection's POST comes to nothing; its session may take another.
    pub(super) fn stop_collecting(&mut self, index: u32, session: Option<Sid>) {
        if let Some(sid) = session
            && let Found::Here(slot) = self.parts.door.find(&sid)
        {
            self.unlink(slot, index);
        }
    }

    fn collect(&mut self, index: u32, collect: Collect, asks: bool) {
        if let Some(phase) = self.conns.get(index).and_then(Conn::phase) {
            *phase = Phase::Body(Box::new(collect));
            self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.body);
        }
        if asks {
            let mut go_on = Vec::new();
            http::render_continue(&mut go_on);
            self.put(index, go_on.into());
        }
        // An empty body is whole already.
        self.body(index, &[]);
    }

    /// More of a POST's body.
    pub(super) fn body(&mut self, index: u32, bytes: &[u8]) -> Option<usize> {
        let phase = self.conns.get(index)?.phase()?;
        let Phase::Body(collect) = phase else { return None };
        match collect.body.push(bytes) {
            Ok(used) if !collect.body.is_done() => Some(used),
            pushed => {
                if let Some(sid) = collect.session()
                    && let Found::Elsewhere { worker } = self.parts.door.find(&sid)
                    && pushed.is_ok()
                    && self.pass(index, worker, &bytes[pushed.unwrap_or_default()..])
                {
                    return Some(bytes.len());
                }
                let phase = self.conns.get(index)?.phase()?;
                let Phase::Body(collect) = std::mem::replace(phase, Phase::Head { begun: false }) else { return None };
                let session = collect.session();
                let Collect { what, mut reply, body } = *collect;
                match pushed {
                    Ok(used) => {
                        self.collected(index, &what, body.data(), reply);
                        Some(used)
                    }
                    Err(fault) => {
                        reply.close = true;
                        self.stop_collecting(index, session);
                        self.answer(index, Page::Status(fault.status()), &reply);
                        Some(bytes.len())
                    }
                }
            }
        }
    }

    fn collected(&mut self, index: u32, what: &What, body: &[u8], reply: Reply) {
        match what {
            What::Post { sid, form, jsonp } => self.post(index, Post { sid: *sid, form: *form, jsonp: *jsonp, body }, reply),
            What::Visit { method, path, query } => self.visit(index, Visit { method, path, query, body }, reply),
        }
    }

    /// A request that the house itself answers, now or later.
    fn visit(&mut self, index: u32, visit: Visit<'_>, reply: Reply) {
        let Some(key) = self.conns.key(index) else { return };
        match self.parts.door.visit(self.turn.now, Visitor(key.data().u64()), visit) {
            Reception::Unknown => self.answer(index, Page::Status(404), &reply),
            Reception::Answer(document) => self.receive(index, &reply, &document),
            Reception::Later => {
                if let Some(phase) = self.conns.get(index).and_then(Conn::phase) {
                    *phase = Phase::Visits { reply };
                    self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.body);
                }
            }
        }
        self.obey();
    }

    /// The late answer to a visit, if somebody still waits for it.
    pub(super) fn visited(&mut self, visitor: Visitor, document: &Document) {
        let Some(index) = self.conns.find(Key::of(EventData::new_u64(visitor.0))) else { return };
        let Some(phase @ Phase::Visits { .. }) = self.conns.get(index).and_then(Conn::phase) else { return };
        let Phase::Visits { mut reply } = std::mem::replace(phase, Phase::Head { begun: false }) else { return };
        reply.close |= self.is_stopping();
        self.receive(index, &reply, document);
    }

    fn receive(&mut self, index: u32, reply: &Reply, document: &Document) {
        self.buffers.page.clear();
        http::render_document(&mut self.buffers.page, reply, &self.parts.shared.site.cors, document);
        self.send_page(index, reply.ends());
    }

    fn probe(&mut self, index: u32, slot: Slot, accept: &str, reply: &Reply) {
        self.turn.arriving = Some((slot, index));
        self.parts.door.input(self.turn.now, slot, Input::Probe);
        self.obey();
        if self.turn.arriving.take().is_none() {
            return self.answer(index, Page::Fault(Fault::BadRequest), reply);
        }
        self.become_socket(index, slot, Link::Probe);
        let mut head = Vec::with_capacity(160);
        http::render_switch(&mut head, accept);
        self.put(index, head.into());
    }

    fn become_socket(&mut self, index: u32, slot: Slot, link: Link) {
        let Some(conn) = self.conns.get(index) else { return };
        conn.state = State::Socket(Socket { slot, link, reader: Reader::new() });
        self.conns.timers.clear(index);
        *self.conns.links(slot).of(link) = index;
    }

    /// The connection waits for its session's answer, as long as that takes.
    fn wait(&mut self, index: u32, slot: Slot, exchange: Exchange, reply: Reply) {
        if let Some(phase) = self.conns.get(index).and_then(Conn::phase) {
            *phase = Phase::Waits { slot, exchange, reply };
            self.conns.timers.clear(index);
        }
    }

    /// An answer of our own.
    pub(super) fn answer(&mut self, index: u32, page: Page, reply: &Reply) {
        self.buffers.page.clear();
        page.render(&mut self.buffers.page, reply, &self.parts.shared.site.cors);
        self.send_page(index, reply.ends());
    }

    pub(super) fn respond_with(&mut self, index: u32, reply: &Reply, response: &Response) {
        self.buffers.page.clear();
        http::render(&mut self.buffers.page, reply, &self.parts.shared.site.cors, response);
        self.send_page(index, reply.ends());
    }

    /// The rendered page leaves; then the connection is free for the next request, or ends.
    pub(super) fn send_page(&mut self, index: u32, ends: bool) {
        let page = std::mem::take(&mut self.buffers.page);
        let blocked = self.conns.get(index).is_some_and(|conn| conn.rest.is_some());
        let waits = if blocked { Some(0) } else { self.send(index, &page) };
        if let Some(sent) = waits {
            self.numbers.blocked += 1;
            self.hold(index, Bytes::copy_from_slice(&page[sent..]));
            if let Some(phase) = self.conns.get(index).and_then(Conn::phase) {
                *phase = Phase::Sending { ends };
                self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.sending);
            }
        } else {
            self.answered(index, ends);
        }
        self.buffers.page = page;
    }

    /// An answer has left.
    pub(super) fn answered(&mut self, index: u32, ends: bool) {
        if ends {
            return self.finish(index);
        }
        let Some(conn) = self.conns.get(index) else { return };
        let has_more = conn.kept.is_some() || conn.unread;
        if let Some(phase) = conn.phase() {
            *phase = Phase::Head { begun: false };
        }
        self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.idle);
        if has_more {
            self.come_back(index);
        }
    }
}
