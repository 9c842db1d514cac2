//! One client's Socket.IO: it joins `/backend`, calls out, and hears what became of its calls. Text in, text and calls out;
//! no engine, no executor.

use std::borrow::Cow;

use tidings_api::{Caller, Declined, PageEvent};
use tidings_engineio::{Data, Revision};
use tidings_json::Json;
use tidings_model::{Code, MessageId, Refusal};
use tidings_socketio::attachments::Pending;
use tidings_socketio::namespace::{Connect, Protocol, Refusal as Refused};
use tidings_socketio::{Packet, PacketType, decode, encode};

use crate::access::Credentials;

#[cfg(test)]
mod tests;

pub(crate) const BACKEND: &str = "/backend";
/// An EIO3 client is in it as soon as it is connected; nothing happens there.
const ROOT: &str = "/";
/// Calls of one client without an answer; more are refused.
const CALLS_MAX: usize = 1000;
const ATTACHMENT_BYTES_MAX: usize = 1_000_000;

/// The client broke the protocol: the connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// What a packet leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A Socket.IO packet.
    Say(String),
    Publish(Call),
}

/// Whether a key opens, at this moment. None: none was shown.
type LetIn = Box<dyn Fn(Option<&str>) -> Result<Caller, Refusal> + Send>;

/// Something to publish; `answered` is told what became of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) by: Caller,
    pub(crate) event: PageEvent,
    pub(crate) args: Vec<String>,
    pub(crate) ack: Option<u64>,
}

pub(crate) struct Talk {
    protocol: Protocol,
    /// The public id of a socket.
    id: String,
    handshake: Credentials,
    let_in: LetIn,
    /// Once it has joined: what it showed, which is looked at again with each call.
    shown: Option<Credentials>,
    in_root: bool,
    pending: Option<Box<Pending>>,
    /// Calls without an answer.
    calls: usize,
}

impl Talk {
    pub(crate) fn new(revision: Revision, id: String, query: &str, let_in: LetIn) -> Self {
        let protocol = match revision {
            Revision::V3 => Protocol::V4,
            Revision::V4 => Protocol::V5,
        };
        let handshake = Credentials::of_handshake(query);
        Self { protocol, id, handshake, let_in, shown: None, in_root: false, pending: None, calls: 0 }
    }

    pub(crate) fn greet(&mut self) -> Option<Wish> {
        self.in_root = self.protocol.joins_root_unasked();
        self.in_root.then(|| say(&self.protocol.joined(ROOT, &self.id)))
    }

    pub(crate) fn has_joined(&self) -> bool {
        self.shown.is_some()
    }

    pub(crate) fn waits(&self) -> bool {
        self.calls > 0
    }

    pub(crate) fn hear(&mut self, data: Data<'_>) -> Result<Vec<Wish>, Broken> {
        match data {
            Data::Text(text) => self.hear_text(&text),
            Data::Binary(bytes) => self.hear_binary(&bytes),
        }
    }

    /// What became of a call.
    pub(crate) fn answered(&mut self, ack: Option<u64>, answer: Result<MessageId, Declined>) -> Option<Wish> {
        self.calls = self.calls.saturating_sub(1);
        self.shown.as_ref()?;
        match (answer, ack) {
            (Ok(id), Some(ack)) => Some(say(&Packet::ack(BACKEND, ack, [&*format!("{{\"ok\":true,\"id\":\"{id}\"}}")]))),
            (Ok(_), None) => None,
            (Err(why), ack) => Some(refusal(BACKEND, ack, &why)),
        }
    }

    fn hear_text(&mut self, text: &str) -> Result<Vec<Wish>, Broken> {
        let packet = decode(text).map_err(|_| Broken)?;
        if self.pending.is_some() {
            return Err(Broken);
        }
        match packet.kind {
            PacketType::Connect => self.hear_connect(&packet),
            _ if !self.in_root && self.shown.is_none() => Err(Broken),
            PacketType::Disconnect => {
                self.leave(packet.namespace);
                Ok(Vec::new())
            }
            PacketType::Event => self.hear_event(&packet),
            PacketType::Ack => Ok(Vec::new()),
            PacketType::ConnectError => Err(Broken),
            PacketType::BinaryEvent | PacketType::BinaryAck => self.hear_header(packet),
        }
    }

    fn hear_connect(&mut self, packet: &Packet<'_>) -> Result<Vec<Wish>, Broken> {
        let joined = match packet.namespace {
            BACKEND => self.shown.is_some(),
            ROOT => self.in_root,
            _ => false,
        };
        match self.protocol.connect(packet.namespace, joined) {
            Connect::Violation => Err(Broken),
            Connect::Ignore => Ok(Vec::new()),
            Connect::Join if packet.namespace == BACKEND => Ok(vec![self.join(packet)]),
            Connect::Join => Ok(vec![say(&self.protocol.refused(packet.namespace, &Refused::UNKNOWN))]),
        }
    }

    fn join(&mut self, connect: &Packet<'_>) -> Wish {
        let shown = self.handshake.with_connect(self.protocol, connect);
        match (self.let_in)(shown.key()) {
            Ok(_) => {
                self.shown = Some(shown);
                say(&self.protocol.joined(BACKEND, &self.id))
            }
            Err(why) => {
                // Protocol 4's apps are given the message alone.
                let code = (self.protocol == Protocol::V5).then(|| Json::trusted(format!("{{\"code\":\"{}\"}}", why.code)));
                say(&self.protocol.refused(BACKEND, &Refused { message: &why.message, data: code }))
            }
        }
    }

    fn leave(&mut self, namespace: &str) {
        match namespace {
            BACKEND => self.shown = None,
            ROOT => self.in_root = false,
            _ => {}
        }
    }

    fn hear_header(&mut self, packet: Packet<'_>) -> Result<Vec<Wish>, Broken> {
        self.pending = Some(Box::new(Pending::new(packet, ATTACHMENT_BYTES_MAX).map_err(|_| Broken)?));
        self.complete()
    }

    fn hear_binary(&mut self, bytes: &[u8]) -> Result<Vec<Wish>, Broken> {
        self.pending.as_mut().ok_or(Broken)?.push(bytes).map_err(|_| Broken)?;
        self.complete()
    }

    fn complete(&mut self) -> Result<Vec<Wish>, Broken> {
        let Some(pending) = self.pending.take_if(|pending| pending.is_complete()) else { return Ok(Vec::new()) };
        let packet = pending.packet().map_err(|_| Broken)?;
        match packet.kind {
            PacketType::BinaryEvent => self.hear_event(&packet),
            _ => Ok(Vec::new()),
        }
    }

    fn hear_event(&mut self, packet: &Packet<'_>) -> Result<Vec<Wish>, Broken> {
        let event = packet.event().map_err(|_| Broken)?;
        let shown = match packet.namespace {
            BACKEND => self.shown.as_ref(),
            ROOT if event.id.is_some() => {
                return Ok(vec![refused(ROOT, event.id, Code::Forbidden, "page events are taken on the namespace /backend")]);
            }
            _ => None,
        };
        // A late emit, or one to a namespace that was refused.
        let Some(shown) = shown else { return Ok(Vec::new()) };
        // A key may have ended since the client joined.
        let by = match (self.let_in)(shown.key()) {
            Ok(by) => by,
            Err(why) => return Ok(vec![refusal(BACKEND, event.id, &why.into())]),
        };
        let args = event.args.iter().map(|arg| (*arg).to_owned()).collect();
        Ok(self.call(by, &event.name, args, event.id, packet.kind.is_binary()).into_iter().collect())
    }

    fn call(&mut self, by: Caller, name: &str, args: Vec<String>, ack: Option<u64>, binary: bool) -> Option<Wish> {
        let Some(event) = PageEvent::named(name) else { return other(name, &args, ack) };
        if binary {
            let why = Refusal::new(Code::InvalidField, "data must be JSON, binary is not carried").field("data");
            return Some(refusal(BACKEND, ack, &why.into()));
        }
        if self.calls >= CALLS_MAX {
            return Some(refused(BACKEND, ack, Code::Overloaded, "too many of your events wait already, wait for their acks"));
        }
        self.calls += 1;
        Some(Wish::Publish(Call { by, event, args, ack }))
    }
}

/// An event that publishes nothing.
fn other(name: &str, args: &[String], ack: Option<u64>) -> Option<Wish> {
    if name == "my event" {
        tracing::debug!(?args, "my event");
        return ack.map(|ack| say(&Packet::ack(BACKEND, ack, ["{\"ok\":true}"])));
    }
    Some(refused(BACKEND, ack, Code::NotFound, "there is no such event here; known are broadcast, p2p and my event"))
}

fn refused(namespace: &str, ack: Option<u64>, code: Code, message: impl Into<Cow<'static, str>>) -> Wish {
    refusal(namespace, ack, &Refusal::new(code, message).into())
}

/// To the ack that was asked for, else as `_error`.
fn refusal(namespace: &str, ack: Option<u64>, why: &Declined) -> Wish {
    let error = why.json();
    match ack {
        Some(ack) => say(&Packet::ack(namespace, ack, [&*format!("{{\"error\":{error}}}")])),
        None => say(&Packet::emit(namespace, "_error", [&*error])),
    }
}

fn say(packet: &Packet<'_>) -> Wish {
    Wish::Say(encode(packet))
}
