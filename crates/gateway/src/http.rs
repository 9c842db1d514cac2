//! The HTTP/1 of a Socket.IO door, without I/O: bytes in, one request or refusal out. It exists because a general HTTP server
//! keeps buffers for each connection, and most of ours do nothing but hold one GET.
//!
//! A head is looked at only when all of it is there, so a cut changes nothing. What is not plainly a request of ours is answered
//! and closed; nothing here knows a session.

use std::borrow::Cow;
use std::net::IpAddr;

use tidings_engineio::{Fault, Form, Opening, Revision, Sid, Transport, websocket};

mod body;
mod cors;
mod fields;
mod forwarded;
mod guard;
mod query;
mod response;

#[cfg(test)]
mod tests;

pub use body::{Body, BodyFault, Framed};
pub use cors::Cors;
pub use forwarded::Proxies;
pub use guard::{Guard, Provenance};
pub use response::{Page, Reply, render, render_continue, render_document, render_preflight, render_switch};

use crate::Client;
use fields::{Fields, Framing};
use query::Params;

/// Bytes of a request's head; Node's limit, behind which browsers with many cookies were always.
pub const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Balancers ask here.
const HEALTH: &str = "/healthz";

/// What all connections of a door share.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where Engine.IO lives, each with a slash at both ends: `/socket.io/`.
    pub paths: Vec<String>,
    pub cors: Cors,
    pub proxies: Proxies,
    pub guard: Option<Guard>,
    /// What is not under `paths` is a visit to the house.
    pub visits: bool,
    /// Bytes of a POST's body.
    pub body_max: usize,
}

/// A session's first request.
#[derive(Debug)]
pub struct Handshake<'a> {
    pub revision: Revision,
    pub transport: Transport,
    pub base64: bool,
    pub jsonp: Option<u32>,
    pub stamp: Option<Cow<'a, str>>,
    pub query: &'a str,
    pub client: Client<'a>,
}

impl Handshake<'_> {
    pub fn opening(&self, sid: Sid) -> Opening<'_> {
        Opening {
            sid,
            revision: self.revision,
            transport: self.transport,
            base64: self.base64,
            jsonp: self.jsonp,
            stamp: self.stamp.as_deref(),
            query: self.query,
        }
    }
}

/// What a head asks for. `accept` is the Sec-WebSocket-Accept of an Upgrade.
#[derive(Debug)]
pub enum Request<'a> {
    Handshake(Handshake<'a>),
    Socket {
        handshake: Handshake<'a>,
        accept: String,
    },
    Poll {
        sid: Sid,
        jsonp: Option<u32>,
        stamp: Option<Cow<'a, str>>,
        number: Option<u32>,
        query: &'a str,
    },
    /// `waits`: the client sends the body after a `100 Continue`.
    Post {
        sid: Sid,
        form: Form,
        jsonp: bool,
        framed: Framed,
        waits: bool,
    },
    Probe {
        sid: Sid,
        accept: String,
    },
    /// `Bad request` if the session is known.
    Misplaced {
        sid: Sid,
    },
    Preflight {
        headers: Option<&'a str>,
    },
    Health,
    /// For the house. `framed`: it has a body; `waits`: that is sent after a `100 Continue`.
    Visit {
        method: &'a str,
        path: &'a str,
        query: &'a str,
        framed: Option<Framed>,
        waits: bool,
    },
    /// Answered without looking further.
    Answer(Page),
}

/// A whole head.
#[derive(Debug)]
pub struct Head<'a> {
    /// Bytes up to the body.
    pub len: usize,
    pub request: Request<'a>,
    pub reply: Reply,
}

/// The request at the front of `bytes`; None while its head is not whole.
pub fn read<'a>(bytes: &'a [u8], peer: IpAddr, site: &Site) -> Option<Head<'a>> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = bytes.get(blank..).unwrap_or_default();
    if blank > 4 || rest.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) {
        return Some(refuse(bytes.len(), Page::Status(400)));
    }
    let Some(len) = head_len(rest) else {
        return (rest.len() > HEAD_MAX).then(|| refuse(bytes.len(), Page::Status(431)));
    };
    if len > HEAD_MAX {
        return Some(refuse(bytes.len(), Page::Status(431)));
    }
    let mut head = parse(rest.get(..len).unwrap_or_default(), peer, site);
    head.len += blank;
    Some(head)
}

/// Bytes up to and with the empty line.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + bytes.get(from..)?.iter().position(|byte| *byte == b'\n')?;
        match bytes.get(end + 1..)? {
            [b'\n', ..] => return Some(end + 2),
            [b'\r', b'\n', ..] => return Some(end + 3),
            _ => from = end + 1,
        }
    }
}

fn refuse<'a>(len: usize, page: Page) -> Head<'a> {
    Head { len, request: Request::Answer(page), reply: Reply::closing() }
}

fn parse<'a>(head: &'a [u8], peer: IpAddr, site: &Site) -> Head<'a> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    let (method, target, minor) = match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => match (parsed.method, parsed.path, parsed.version) {
            (Some(method), Some(target), Some(minor)) => (method, target, minor),
            _ => return refuse(head.len(), Page::Status(400)),
        },
        Err(httparse::Error::TooManyHeaders) => return refuse(head.len(), Page::Status(431)),
        Err(httparse::Error::Version) => return refuse(head.len(), Page::Status(505)),
        Ok(httparse::Status::Partial) | Err(_) => return refuse(head.len(), Page::Status(400)),
    };
    let fields = Fields::read(parsed.headers);
    let framing = match fields.framing(minor) {
        Ok(framing) => framing,
        Err(status) => return refuse(head.len(), Page::Status(status)),
    };
    let mut reply = fields.reply(method, minor, &site.cors);
    let admitted = || site.guard.as_ref().is_none_or(|guard| guard.admits(&Provenance::read(parsed.headers, split(target).0 == HEALTH)));
    let request = match admitted() {
        true => Line { method, target, peer, site, fields: &fields, framing: &framing }.request(),
        false => Request::Answer(Page::Forbidden),
    };
    // A body that nobody reads ends the connection with its answer.
    let reads_body = matches!(request, Request::Post { .. } | Request::Visit { .. });
    reply.close |= framing != Framing::None && !reads_body;
    if let Request::Post { framed: Framed::Length(length), .. } | Request::Visit { framed: Some(Framed::Length(length)), .. } = &request
        && *length > site.body_max
    {
        reply.close = true;
        return Head { len: head.len(), request: Request::Answer(Page::Status(413)), reply };
    }
    Head { len: head.len(), request, reply }
}

/// A request line with what its headers say.
struct Line<'l, 'a> {
    method: &'a str,
    target: &'a str,
    peer: IpAddr,
    site: &'l Site,
    fields: &'l Fields<'a>,
    framing: &'l Framing,
}

impl<'a> Line<'_, 'a> {
    fn request(&self) -> Request<'a> {
        let (path, query) = split(self.target);
        if path == HEALTH {
            return match self.method {
                "GET" | "HEAD" => Request::Health,
                _ => Request::Answer(Page::Status(405)),
            };
        }
        let place = match self.place(path) {
            Some(place) => place,
            None if self.site.visits => return self.visit(path, query),
            None => return Request::Answer(Page::Status(404)),
        };
        if self.method == "OPTIONS" {
            return Request::Preflight { headers: self.fields.requested_headers };
        }
        self.engine(query, place).unwrap_or_else(|fault| Request::Answer(Page::Fault(fault)))
    }

    fn visit(&self, path: &'a str, query: &'a str) -> Request<'a> {
        let framed = match *self.framing {
            Framing::None => None,
            Framing::Length(length) => Some(Framed::Length(length)),
            Framing::Chunked => Some(Framed::Chunked),
        };
        Request::Visit { method: self.method, path, query, framed, waits: self.fields.expects_continue }
    }

    /// By prefix, as the reference does; and the path without its last slash.
    fn place(&self, path: &str) -> Option<usize> {
        let is_it = |ours: &String| path.starts_with(ours.as_str()) || ours.strip_suffix('/') == Some(path);
        self.site.paths.iter().position(is_it)
    }

    /// EIO, then transport, then sid, then method.
    fn engine(&self, query: &'a str, place: usize) -> Result<Request<'a>, Fault> {
        let params = Params::read(query);
        let revision = params.revision().ok_or(Fault::UnsupportedVersion)?;
        let transport = params.transport().ok_or(Fault::UnknownTransport)?;
        let jsonp = if revision == Revision::V3 { params.jsonp() } else { None };
        match &params.sid {
            Some(sid) => {
                let sid = Sid::parse(sid).ok_or(Fault::UnknownSid)?;
                self.of_session(sid, transport, jsonp, params, query)
            }
            None => self.handshake(revision, transport, jsonp, params, query, place),
        }
    }

    fn handshake(
        &self,
        revision: Revision,
        transport: Transport,
        jsonp: Option<u32>,
        params: Params<'a>,
        query: &'a str,
        place: usize,
    ) -> Result<Request<'a>, Fault> {
        if self.method != "GET" {
            return Err(Fault::BadHandshakeMethod);
        }
        let base64 = params.base64();
        let client = Client { place, ..self.fields.client(self.peer, &self.site.proxies) };
        let handshake = Handshake { revision, transport, base64, jsonp, stamp: params.stamp, query, client };
        match (transport, self.fields.upgrades) {
            (Transport::Polling, false) if self.brings_nothing() => Ok(Request::Handshake(handshake)),
            (Transport::Polling, false) => Err(Fault::BadRequest),
            (Transport::WebSocket, true) => self.upgrade(|accept| Request::Socket { handshake, accept }),
            (Transport::Polling, true) | (Transport::WebSocket, false) => Err(Fault::BadRequest),
        }
    }

    fn of_session(
        &self,
        sid: Sid,
        transport: Transport,
        jsonp: Option<u32>,
        params: Params<'a>,
        query: &'a str,
    ) -> Result<Request<'a>, Fault> {
        match (transport, self.method, self.fields.upgrades) {
            (Transport::WebSocket, "GET", true) => self.upgrade(|accept| Request::Probe { sid, accept }),
            (Transport::Polling, "GET", false) if self.brings_nothing() => {
                let number = params.number();
                Ok(Request::Poll { sid, jsonp, stamp: params.stamp, number, query })
            }
            (Transport::Polling, "POST", _) => self.post(sid, jsonp),
            (Transport::Polling | Transport::WebSocket, _, _) => Ok(Request::Misplaced { sid }),
        }
    }

    /// No body, or an empty one: some stacks name its length even for a GET.
    fn brings_nothing(&self) -> bool {
        matches!(self.framing, Framing::None | Framing::Length(0))
    }

    fn post(&self, sid: Sid, jsonp: Option<u32>) -> Result<Request<'a>, Fault> {
        let framed = match *self.framing {
            Framing::Length(length) => Framed::Length(length),
            Framing::Chunked => Framed::Chunked,
            Framing::None => return Ok(Request::Answer(Page::Status(411))),
        };
        Ok(Request::Post { sid, form: self.fields.form(), jsonp: jsonp.is_some(), framed, waits: self.fields.expects_continue })
    }

    fn upgrade(&self, request: impl FnOnce(String) -> Request<'a>) -> Result<Request<'a>, Fault> {
        if !self.fields.origin.is_none_or(|origin| self.site.cors.admits(origin)) {
            return Ok(Request::Answer(Page::Forbidden));
        }
        if self.fields.websocket_version != Some("13") {
            return Ok(Request::Answer(Page::Status(426)));
        }
        let accept = self.fields.websocket_key.and_then(websocket::accept).ok_or(Fault::BadRequest)?;
        Ok(request(accept))
    }
}

/// Path and query of a request target, which may be a whole URL.
fn split(target: &str) -> (&str, &str) {
    let local = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    let local = local.split_once('#').map_or(local, |(local, _)| local);
    local.split_once('?').unwrap_or((local, ""))
}
