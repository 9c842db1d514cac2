//! One client's Socket.IO in the example's servers: joining, leaving, events with their attachments, acks.

use bytes::Bytes;
use tidings_engineio::{Data, Opening, Revision, Transport};
use tidings_socketio::attachments::Pending;
use tidings_socketio::namespace::{Connect, Protocol, Refusal};
use tidings_socketio::{Packet, PacketType, decode, encode};

use crate::script::{self, Effect, Joined, Script};

const ATTACHMENT_BYTES_MAX: usize = 1_000_000;

/// The client broke the protocol: the connection ends.
pub(crate) struct Broken;

/// One packet to send.
#[derive(Clone)]
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

/// What the house is to do for one client.
pub(crate) enum Deed {
    Say(Say),
    /// Say it to each who joined that room of that namespace.
    Cast {
        namespace: String,
        room: String,
        say: Say,
    },
}

/// One client's Socket.IO.
pub(crate) struct Talk {
    script: Script,
    protocol: Protocol,
    /// Protocol 4's socket id is the engine's; protocol 5 makes one for each namespace.
    sid: String,
    query: String,
    pub(crate) transport: &'static str,
    joined: Vec<String>,
    ever_joined: bool,
    rooms: Vec<(String, String)>,
    /// Acks that were asked for: their ids are below this.
    asked: u64,
    pending: Option<Box<Pending>>,
}

impl Talk {
    pub(crate) fn new(script: Script, opening: &Opening<'_>) -> Self {
        let protocol = match opening.revision {
            Revision::V3 => Protocol::V4,
            Revision::V4 => Protocol::V5,
        };
        let transport = match opening.transport {
            Transport::Polling => "polling",
            Transport::WebSocket => "websocket",
        };
        Self {
            script,
            protocol,
            sid: opening.sid.to_string(),
            query: opening.query.to_owned(),
            transport,
            joined: Vec::new(),
            ever_joined: false,
            rooms: Vec::new(),
            asked: 0,
            pending: None,
        }
    }

    pub(crate) fn has_joined(&self) -> bool {
        self.ever_joined
    }

    pub(crate) fn hears_room(&self, namespace: &str, room: &str) -> bool {
        self.rooms.iter().any(|(place, name)| place == namespace && name == room)
    }

    pub(crate) fn greet(&mut self) -> Vec<Deed> {
        if self.protocol.joins_root_unasked() { self.join(&Packet::new(PacketType::Connect, "/")) } else { Vec::new() }
    }

    pub(crate) fn hear(&mut self, data: Data<'_>) -> Result<Vec<Deed>, Broken> {
        match data {
            Data::Text(text) => self.hear_text(&text),
            Data::Binary(bytes) => self.hear_binary(&bytes),
        }
    }

    fn hear_text(&mut self, text: &str) -> Result<Vec<Deed>, Broken> {
        let packet = decode(text).map_err(|_| Broken)?;
        if self.pending.is_some() {
            return Err(Broken);
        }
        match packet.kind {
            PacketType::Connect => return self.hear_connect(&packet),
            _ if !self.ever_joined => return Err(Broken),
            _ if !self.is_in(packet.namespace) => {}
            PacketType::Disconnect => self.leave(packet.namespace),
            PacketType::Event => return self.hear_event(&packet, &[]),
            PacketType::Ack => return Ok(self.hear_ack(&packet, &[])),
            PacketType::ConnectError => return Err(Broken),
            PacketType::BinaryEvent | PacketType::BinaryAck => return self.hear_header(packet),
        }
        Ok(Vec::new())
    }

    fn hear_header(&mut self, packet: Packet<'_>) -> Result<Vec<Deed>, Broken> {
        let pending = Pending::new(packet, ATTACHMENT_BYTES_MAX).map_err(|_| Broken)?;
        self.pending = Some(Box::new(pending));
        self.complete()
    }

    fn hear_binary(&mut self, bytes: &[u8]) -> Result<Vec<Deed>, Broken> {
        self.pending.as_mut().ok_or(Broken)?.push(bytes).map_err(|_| Broken)?;
        self.complete()
    }

    fn complete(&mut self) -> Result<Vec<Deed>, Broken> {
        let Some(pending) = self.pending.take_if(|pending| pending.is_complete()) else { return Ok(Vec::new()) };
        let packet = pending.packet().map_err(|_| Broken)?;
        match packet.kind {
            PacketType::BinaryEvent => self.hear_event(&packet, pending.attachments()),
            _ => Ok(self.hear_ack(&packet, pending.attachments())),
        }
    }

    fn hear_connect(&mut self, packet: &Packet<'_>) -> Result<Vec<Deed>, Broken> {
        let namespace = packet.namespace;
        match self.protocol.connect(namespace, self.is_in(namespace)) {
            Connect::Violation => Err(Broken),
            Connect::Ignore => Ok(Vec::new()),
            Connect::Join if !self.script.serves(namespace) => Ok(self.refuse(namespace, &Refusal::UNKNOWN)),
            Connect::Join if self.script.admits(namespace, &self.query, &self.protocol.credentials(packet)) => Ok(self.join(packet)),
            Connect::Join => Ok(self.refuse(namespace, &Refusal { message: "Not authorized", data: None })),
        }
    }

    fn refuse(&self, namespace: &str, why: &Refusal<'_>) -> Vec<Deed> {
        vec![Deed::Say(Say::packet(&self.protocol.refused(namespace, why)))]
    }

    fn join(&mut self, connect: &Packet<'_>) -> Vec<Deed> {
        let namespace = connect.namespace;
        self.ever_joined = true;
        self.joined.push(namespace.to_owned());
        let id = public_id(&self.sid, namespace);
        let credentials = self.protocol.credentials(connect);
        let joined = Joined { namespace, transport: self.transport, credentials: &credentials };
        vec![Deed::Say(Say::packet(&self.protocol.joined(namespace, &id))), Deed::Say(self.script.greeting(&joined))]
    }

    fn leave(&mut self, namespace: &str) {
        self.joined.retain(|joined| joined != namespace);
        self.rooms.retain(|(place, _)| place != namespace);
    }

    fn hear_event(&mut self, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<Vec<Deed>, Broken> {
        let event = packet.event().map_err(|_| Broken)?;
        let effects = self.script.react(packet.namespace, &event, attachments);
        Ok(effects.into_iter().filter_map(|effect| self.enact(packet.namespace, effect)).collect())
    }

    fn enact(&mut self, namespace: &str, effect: Effect) -> Option<Deed> {
        Some(match effect {
            Effect::Say(say) => Deed::Say(say),
            Effect::Cast(room, say) => Deed::Cast { namespace: namespace.to_owned(), room, say },
            Effect::Join(room) => {
                self.rooms.push((namespace.to_owned(), room));
                return None;
            }
            Effect::Kick => {
                self.leave(namespace);
                Deed::Say(Say::packet(&Packet::new(PacketType::Disconnect, namespace)))
            }
            Effect::Ask(question) => {
                let id = self.asked;
                self.asked += 1;
                Deed::Say(Say::packet(&Packet { id: Some(id), ..Packet::emit(namespace, "question", [question.as_str()]) }))
            }
        })
    }

    /// An ack that nobody waits for is ignored.
    fn hear_ack(&self, packet: &Packet<'_>, attachments: &[Bytes]) -> Vec<Deed> {
        let ours = packet.id.is_some_and(|id| id < self.asked);
        let args = packet.data.as_ref().filter(|_| ours).and_then(tidings_json::Json::elements);
        let Some(args) = args else { return Vec::new() };
        let args: Vec<String> = args.map(script::respelled).collect();
        let back = Packet::emit(packet.namespace, "answer", args.iter().map(String::as_str)).with_attachments(attachments.len());
        vec![Deed::Say(Say { text: Some(encode(&back)), attachments: attachments.to_vec() })]
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.joined.iter().any(|joined| joined == namespace)
    }
}

/// Not the engine's sid, which is a secret: its letters backwards, which is enough for a fixture.
fn public_id(sid: &str, namespace: &str) -> String {
    format!("{}{}", namespace.trim_start_matches('/'), sid.chars().rev().collect::<String>())
}
