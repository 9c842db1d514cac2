//! What a device says and does on what it hears: Engine.IO 4 and Socket.IO 5 as text, without a socket or a clock.

use std::borrow::Cow;
use std::time::Duration;

use tidings_json::{Json, members, unescape, write_string};
use tidings_model::{AppName, Code, Uid};
use tidings_socketio::{Event, Packet, PacketType, decode, encode};

/// What the shell is to do next, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Send(String),
    /// The server speaks at least so often.
    Patience(Duration),
    Say(String),
    /// Close, and come back.
    Leave(String),
    /// Close for good.
    GiveUp(String),
}

pub(super) struct Device {
    app: AppName,
    uid: Uid,
    token: Option<String>,
}

impl Device {
    pub(super) fn new(app: AppName, uid: Uid) -> Self {
        Self { app, uid, token: None }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.token.is_some()
    }

    /// One Engine.IO packet.
    pub(super) fn hear(&mut self, text: &str) -> Vec<Doing> {
        let rest = text.get(1..).unwrap_or_default();
        match text.as_bytes().first() {
            Some(b'0') => self.opened(rest),
            Some(b'1') => vec![Doing::Leave("the server said goodbye".to_owned())],
            Some(b'2') => vec![Doing::Send(format!("3{rest}"))],
            Some(b'4') => decode(rest)
                .map_or_else(|_| vec![Doing::Leave("the server said what is no Socket.IO".to_owned())], |packet| self.packet(&packet)),
            _ => Vec::new(),
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) -> Vec<Doing> {
        match packet.kind {
            PacketType::Connect => vec![Doing::Send(self.register())],
            PacketType::Event => packet.event().map(|event| self.event(&event)).unwrap_or_default(),
            PacketType::Disconnect => vec![Doing::Leave("the server ended the session".to_owned())],
            PacketType::ConnectError => vec![Doing::GiveUp(self.turned_away(packet.data.as_ref().map_or("", Json::as_str)))],
            PacketType::Ack | PacketType::BinaryEvent | PacketType::BinaryAck => Vec::new(),
        }
    }

    fn opened(&self, handshake: &str) -> Vec<Doing> {
        let ms = |key| members(handshake)?.find(|(name, _)| name == key)?.1.parse::<u64>().ok();
        let patience =
            ms("pingInterval").zip(ms("pingTimeout")).map(|(interval, timeout)| Doing::Patience(Duration::from_millis(interval + timeout)));
        let connect = Packet::new(PacketType::Connect, self.app.as_str());
        patience.into_iter().chain([Doing::Send(format!("4{}", encode(&connect)))]).collect()
    }

    fn turned_away(&self, why: &str) -> String {
        let hint = if self.app.as_str() == "/" { "" } else { "; is there such an app, and is it enabled?" };
        format!("refused at {}: {why}{hint}", self.app)
    }

    fn register(&self) -> String {
        let mut data = String::from("[\"register\",{\"data\":");
        write_string(&mut data, self.uid.as_str());
        data.push_str("}]");
        let event = Packet { data: Some(Json::trusted(data)), ..Packet::new(PacketType::Event, self.app.as_str()) };
        format!("4{}", encode(&event))
    }

    fn event(&mut self, event: &Event<'_>) -> Vec<Doing> {
        let first = event.args.first().copied().unwrap_or_default();
        let mut doings = match &*event.name {
            "_register" => vec![self.registered(first)],
            "_register_error" => vec![refused(first)],
            name => vec![Doing::Say(format!("{} {}", self.known_as(name), event.args.join(" ")))],
        };
        if let Some(id) = event.id {
            let ack = Packet { id: Some(id), data: Some(Json::trusted("[]")), ..Packet::new(PacketType::Ack, self.app.as_str()) };
            doings.push(Doing::Send(format!("4{}", encode(&ack))));
        }
        doings
    }

    fn registered(&mut self, answer: &str) -> Doing {
        let Some(token) = word(answer, "token") else { return Doing::Leave("the server registered us without a token".to_owned()) };
        let line = format!("registered as {}, token {token}", self.uid);
        self.token = Some(token);
        Doing::Say(line)
    }

    /// A direct message's event is named by the token, or by the uid: both are only `message` to a reader.
    fn known_as<'a>(&self, name: &'a str) -> &'a str {
        let is_ours = self.token.as_deref() == Some(name) || self.uid.as_str() == name;
        if is_ours { "message" } else { name }
    }
}

fn refused(error: &str) -> Doing {
    let code = word(error, "code").unwrap_or_default();
    let line = format!("{code}: {}", word(error, "message").unwrap_or_default());
    let again = Code::ALL.iter().any(|known| known.as_str() == code && known.is_retryable());
    if again { Doing::Leave(line) } else { Doing::GiveUp(line) }
}

fn word(object: &str, key: &str) -> Option<String> {
    let (_, raw) = members(object)?.find(|(name, _)| name == key)?;
    unescape(raw).map(Cow::into_owned)
}
