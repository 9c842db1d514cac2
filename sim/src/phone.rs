//! A simulated phone: a client library and an app, as far as the wire can tell.

use tidings_engineio::polling;
use tidings_engineio::websocket::{Message, client};
use tidings_engineio::{Content, Data, Packet, PacketType, Response};

use crate::wire::Up;

/// Which client library it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EIO4 on WebSocket: JS 3/4, Java 2, Python 5.
    Socket4,
    /// EIO3 on WebSocket: JS 1/2, Java 0.8/1.0, Python 4.
    Socket3,
    /// EIO4 on polling with `t`: JS, Python.
    Poll4,
    /// EIO3 on polling without `t`: Java 0.8.3. It follows our 302.
    Java3,
    /// EIO4, polling first and then an upgrade.
    Upgrade4,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Socket4, Self::Socket3, Self::Poll4, Self::Java3, Self::Upgrade4];

    pub const fn is_v4(self) -> bool {
        matches!(self, Self::Socket4 | Self::Poll4 | Self::Upgrade4)
    }

    pub const fn polls(self) -> bool {
        matches!(self, Self::Poll4 | Self::Java3 | Self::Upgrade4)
    }

    pub const fn agent(self) -> &'static str {
        match self {
            Self::Java3 => "Java/17",
            Self::Socket3 => "okhttp/3.5.0",
            Self::Socket4 | Self::Poll4 | Self::Upgrade4 => "Mozilla/5.0",
        }
    }
}

/// What the app's side of a connection has come to.
#[derive(Debug)]
pub struct Life {
    pub kind: Kind,
    pub wire: usize,
    /// On the WebSocket (from the start, or since `5`).
    pub on_socket: bool,
    pub joined: bool,
    /// Uids it has been told a token for, the current one last.
    pub registered: Vec<usize>,
    pub wants: Option<usize>,
    /// Registers that wait for their answer, in order.
    pub pending: std::collections::VecDeque<usize>,
    /// The app attaches its listener late.
    pub listens_at: Option<u64>,
    pub epoch: usize,
    /// `disconnect()` was called: the library still answers pings, the app hears nothing.
    pub leaving: bool,
    pub stamp: u64,
    pub number: Option<u32>,
    pub getting: bool,
    pub probing: bool,
    /// EIO3: a `2` waits for its `3`; the next one comes after it.
    pub pinged: bool,
    /// The probe was answered: polling pauses, then `5`.
    pub pausing: bool,
    buffer: Vec<u8>,
    reader: client::Reader,
}

/// What came in, for the world to act on.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Message(usize),
    Joined,
    Registered,
    RegisterRefused,
    ProbeAnswered,
    Closed,
}

impl Life {
    pub fn new(kind: Kind, wire: usize, wants: Option<usize>) -> Self {
        Self {
            kind,
            wire,
            on_socket: !kind.polls(),
            joined: false,
            registered: Vec::new(),
            wants,
            pending: std::collections::VecDeque::new(),
            listens_at: None,
            epoch: 0,
            leaving: false,
            stamp: 0,
            number: None,
            getting: false,
            probing: false,
            pinged: false,
            pausing: false,
            buffer: Vec::new(),
            reader: client::Reader::new(),
        }
    }

    /// Server frames, in pieces of any size.
    pub fn take_frames(&mut self, bytes: &[u8], up: &mut Vec<Up>, heard: &mut Vec<Heard>) {
        self.buffer.extend_from_slice(bytes);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        let mut reader = std::mem::take(&mut self.reader);
        while let Ok(Some((used, message))) = reader.read(&mut buffer[at..], 1 << 20) {
            match message {
                Some(Message::Text("3probe")) => heard.push(Heard::ProbeAnswered),
                Some(Message::Text(text)) => {
                    if let Ok(packet) = Packet::parse(text) {
                        self.take_packet(&packet, up, heard);
                    }
                }
                Some(Message::Ping(data)) => up.push(Up::Pong(data.to_vec())),
                Some(Message::Close(_)) => heard.push(Heard::Closed),
                Some(Message::Binary(_) | Message::Pong(_)) | None => {}
            }
            at += used;
        }
        self.reader = reader;
        buffer.drain(..at);
        self.buffer = buffer;
    }

    /// The answer to a GET. True: ask again.
    pub fn take_answer(&mut self, response: &Response, up: &mut Vec<Up>, heard: &mut Vec<Heard>) {
        self.getting = false;
        if response.status == 302 {
            let number = response.location.as_deref().and_then(|location| location.rsplit_once("_n=")).and_then(|(_, n)| n.parse().ok());
            self.number = number;
            self.getting = true;
            return up.push(Up::Get { stamp: None, number });
        }
        if response.status != 200 {
            return heard.push(Heard::Closed);
        }
        let packets = match (response.content, self.kind.is_v4()) {
            (Content::Octets, _) => polling::decode_v3_binary(&response.body),
            (_, true) => polling::decode_v4(&response.body),
            (_, false) => polling::decode_v3_text(&response.body, &mut polling::Dialect::Raw),
        };
        for packet in packets.unwrap_or_default() {
            self.take_packet(&packet, up, heard);
        }
    }

    fn take_packet(&mut self, packet: &Packet<'_>, up: &mut Vec<Up>, heard: &mut Vec<Heard>) {
        match packet.kind {
            PacketType::Open if self.kind.is_v4() => self.say("40".to_owned(), up),
            PacketType::Ping => self.say("3".to_owned(), up),
            PacketType::Close => heard.push(Heard::Closed),
            PacketType::Message => {
                if let Data::Text(text) = &packet.data {
                    heard.extend(hear(text));
                }
            }
            PacketType::Pong => self.pinged = false,
            PacketType::Open | PacketType::Upgrade | PacketType::Noop => {}
        }
    }

    /// A packet to the server, on whatever the transport is now.
    pub fn say(&self, packet: String, up: &mut Vec<Up>) {
        up.push(if self.on_socket { Up::Owned(packet) } else { Up::Post(packet) });
    }

    pub fn next_get(&mut self, up: &mut Vec<Up>) {
        if self.getting || self.on_socket {
            return;
        }
        if self.pausing {
            (self.on_socket, self.pausing, self.probing) = (true, false, false);
            return up.push(Up::ProbeText("5"));
        }
        self.getting = true;
        self.stamp += 1;
        let stamp = (self.kind != Kind::Java3).then(|| format!("s{}", self.stamp));
        self.number = None;
        up.push(Up::Get { stamp, number: None });
    }

    /// The GET's connection died: the library asks again, with the same number, and nobody above hears of it.
    pub fn repeat_get(&self, up: &mut Vec<Up>) {
        let stamp = (self.kind != Kind::Java3).then(|| format!("s{}", self.stamp));
        up.push(Up::Get { stamp, number: self.number });
    }
}

fn hear(text: &str) -> Option<Heard> {
    if text.starts_with('0') {
        return Some(Heard::Joined);
    }
    if text.starts_with('1') {
        return Some(Heard::Closed);
    }
    let packet = tidings_socketio::decode(text).ok()?;
    let event = packet.event().ok()?;
    match &*event.name {
        "_register" => Some(Heard::Registered),
        "_register_error" => Some(Heard::RegisterRefused),
        _ => {
            // An app of its own kind may be told the bare number.
            let first = event.args.first()?;
            let data = tidings_json::members(first).map_or(Some(*first), |mut members| members.next().map(|(_, data)| data))?;
            data.parse().ok().map(Heard::Message)
        }
    }
}
