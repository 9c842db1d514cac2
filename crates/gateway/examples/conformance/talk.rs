//! The Socket.IO server of the suites: `/` and `/custom`, an `auth` event to who joins, `message` -> `message-back`,
//! `message-with-ack` -> an ack.

use bytes::Bytes;
use tidings_engineio::{Data, Revision, Sid};
use tidings_socketio::attachments::Pending;
use tidings_socketio::namespace::{Connect, Protocol, Refusal};
use tidings_socketio::{Event, Packet, PacketType, decode, encode};

const NAMESPACES: [&str; 2] = ["/", "/custom"];
const ATTACHMENT_BYTES_MAX: usize = 1_000_000;

/// The client broke the protocol: the connection ends.
pub(crate) struct Broken;

/// One packet to send.
pub(crate) struct Say {
    /// None: only binary (the engine's echo).
    pub(crate) text: Option<String>,
    pub(crate) attachments: Vec<Bytes>,
}

impl Say {
    pub(crate) fn text(text: String) -> Self {
        Self { text: Some(text), attachments: Vec::new() }
    }

    fn packet(packet: &Packet<'_>) -> Self {
        Self::text(encode(packet))
    }
}

/// One client's Socket.IO.
pub(crate) struct Talk {
    protocol: Protocol,
    /// Protocol 4's socket id is the engine's; protocol 5 makes one for each namespace.
    sid: String,
    joined: Vec<String>,
    ever_joined: bool,
    pending: Option<Box<Pending>>,
}

impl Talk {
    pub(crate) fn new(revision: Revision, sid: &Sid) -> Self {
        let protocol = match revision {
            Revision::V3 => Protocol::V4,
            Revision::V4 => Protocol::V5,
        };
        Self { protocol, sid: sid.to_string(), joined: Vec::new(), ever_joined: false, pending: None }
    }

    pub(crate) fn has_joined(&self) -> bool {
        self.ever_joined
    }

    pub(crate) fn greet(&mut self) -> Vec<Say> {
        if self.protocol.joins_root_unasked() { self.join(&Packet::new(PacketType::Connect, "/")) } else { Vec::new() }
    }

    pub(crate) fn hear(&mut self, data: Data<'_>) -> Result<Vec<Say>, Broken> {
        match data {
            Data::Text(text) => self.hear_text(&text),
            Data::Binary(bytes) => self.hear_binary(&bytes),
        }
    }

    fn hear_text(&mut self, text: &str) -> Result<Vec<Say>, Broken> {
        let packet = decode(text).map_err(|_| Broken)?;
        if self.pending.is_some() {
            return Err(Broken);
        }
        match packet.kind {
            PacketType::Connect => return self.hear_connect(&packet),
            _ if !self.ever_joined => return Err(Broken),
            _ if !self.is_in(packet.namespace) => {}
            PacketType::Disconnect => self.joined.retain(|namespace| namespace != packet.namespace),
            PacketType::Event => return answer(&packet, &[]),
            PacketType::Ack => {}
            PacketType::ConnectError => return Err(Broken),
            PacketType::BinaryEvent | PacketType::BinaryAck => return self.hear_header(packet),
        }
        Ok(Vec::new())
    }

    fn hear_header(&mut self, packet: Packet<'_>) -> Result<Vec<Say>, Broken> {
        let pending = Pending::new(packet, ATTACHMENT_BYTES_MAX).map_err(|_| Broken)?;
        self.pending = Some(Box::new(pending));
        self.complete()
    }

    fn hear_binary(&mut self, bytes: &[u8]) -> Result<Vec<Say>, Broken> {
        self.pending.as_mut().ok_or(Broken)?.push(bytes).map_err(|_| Broken)?;
        self.complete()
    }

    fn complete(&mut self) -> Result<Vec<Say>, Broken> {
        let Some(pending) = self.pending.take_if(|pending| pending.is_complete()) else { return Ok(Vec::new()) };
        let packet = pending.packet().map_err(|_| Broken)?;
        match packet.kind {
            PacketType::BinaryEvent => answer(&packet, pending.attachments()),
            _ => Ok(Vec::new()),
        }
    }

    fn hear_connect(&mut self, packet: &Packet<'_>) -> Result<Vec<Say>, Broken> {
        match self.protocol.connect(packet.namespace, self.is_in(packet.namespace)) {
            Connect::Violation => Err(Broken),
            Connect::Ignore => Ok(Vec::new()),
            Connect::Join if NAMESPACES.contains(&packet.namespace) => Ok(self.join(packet)),
            Connect::Join => Ok(vec![Say::packet(&self.protocol.refused(packet.namespace, &Refusal::UNKNOWN))]),
        }
    }

    fn join(&mut self, connect: &Packet<'_>) -> Vec<Say> {
        let namespace = connect.namespace;
        self.ever_joined = true;
        self.joined.push(namespace.to_owned());
        let id = public_id(&self.sid, namespace);
        let auth = self.protocol.credentials(connect);
        vec![
            Say::packet(&self.protocol.joined(namespace, &id)),
            Say::packet(&Packet::emit(namespace, "auth", [respelled(auth.as_str()).as_str()])),
        ]
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.joined.iter().any(|joined| joined == namespace)
    }
}

/// Not the engine's sid, which is a secret: its letters backwards, which is enough for a fixture.
fn public_id(sid: &str, namespace: &str) -> String {
    format!("{}{}", namespace.trim_start_matches('/'), sid.chars().rev().collect::<String>())
}

fn answer(packet: &Packet<'_>, attachments: &[Bytes]) -> Result<Vec<Say>, Broken> {
    let Event { name, args, id } = packet.event().map_err(|_| Broken)?;
    let args: Vec<String> = args.into_iter().map(respelled).collect();
    let args = args.iter().map(String::as_str);
    let back = match (&*name, id) {
        ("message", _) => Packet::emit(packet.namespace, "message-back", args),
        ("message-with-ack", Some(id)) => Packet::ack(packet.namespace, id, args),
        _ => return Ok(Vec::new()),
    };
    let text = encode(&back.with_attachments(attachments.len()));
    Ok(vec![Say { text: Some(text), attachments: attachments.to_vec() }])
}

/// As a server would write it that parses and writes JSON: without needless escapes.
fn respelled(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}
