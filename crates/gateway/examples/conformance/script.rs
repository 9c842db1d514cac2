//! What the example's two servers do with an event: the public suites' fixture, and the probe's.

use bytes::Bytes;
use tidings_json::Json;
use tidings_socketio::{Event, Packet, encode};

use crate::talk::Say;

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// `/` and `/custom`: an `auth` event to who joins, `message` -> `message-back`, `message-with-ack` -> an ack.
    Suite,
    /// `/`, `/chat`, and `/admin` for who has the token `good`: everything that a client library can do, an event for each.
    Probe,
}

/// What an event does.
pub(crate) enum Effect {
    Say(Say),
    /// The one who asked hears what is cast in this room of the namespace.
    Join(String),
    Cast(String, Say),
    /// The namespace is left, with `41`.
    Kick,
    /// An event that asks for an ack, whose arguments come back as `answer`.
    Ask(String),
}

/// What joining tells a script.
pub(crate) struct Joined<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) transport: &'static str,
    /// The auth object, or protocol 4's namespace query as one.
    pub(crate) credentials: &'a Json,
}

impl Script {
    pub(crate) fn serves(self, namespace: &str) -> bool {
        match self {
            Self::Suite => ["/", "/custom"].contains(&namespace),
            Self::Probe => ["/", "/chat", "/admin"].contains(&namespace),
        }
    }

    /// `query` is the whole connection's.
    pub(crate) fn admits(self, namespace: &str, query: &str, credentials: &Json) -> bool {
        namespace != "/admin" || query.split('&').any(|field| field == "token=good") || credentials.member("token") == Some("\"good\"")
    }

    pub(crate) fn greeting(self, joined: &Joined<'_>) -> Say {
        match self {
            Self::Suite => emit(joined.namespace, "auth", [respelled(joined.credentials.as_str()).as_str()]),
            Self::Probe => {
                let place = Json::string(joined.namespace);
                let hello = format!("{{\"transport\":\"{}\",\"ns\":{}}}", joined.transport, place.as_str());
                emit(joined.namespace, "hello", [hello.as_str()])
            }
        }
    }

    pub(crate) fn react(self, namespace: &str, event: &Event<'_>, attachments: &[Bytes]) -> Vec<Effect> {
        let args: Vec<String> = event.args.iter().copied().map(respelled).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let heard = Heard { namespace, event, args: &args, attachments };
        match self {
            Self::Suite => heard.suite(),
            Self::Probe => heard.probe(),
        }
    }
}

/// An event with its arguments as a server writes them that parses and writes JSON.
struct Heard<'a> {
    namespace: &'a str,
    event: &'a Event<'a>,
    args: &'a [&'a str],
    attachments: &'a [Bytes],
}

impl Heard<'_> {
    fn suite(&self) -> Vec<Effect> {
        match &*self.event.name {
            "message" => self.back("message-back"),
            "message-with-ack" => self.acknowledge(),
            _ => Vec::new(),
        }
    }

    fn probe(&self) -> Vec<Effect> {
        match &*self.event.name {
            "echo" => self.back("echo-back"),
            "message" => self.back("message"),
            "bin" => self.back("bin-back"),
            "a/b" => self.back("slash-ok"),
            "café" => self.back("cafe-ok"),
            "echo-ack" | "bin-ack" => self.acknowledge(),
            "join" => [vec![Effect::Join(self.text(0))], self.acknowledge()].into_iter().flatten().collect(),
            "cast" => vec![Effect::Cast(self.text(0), emit(self.namespace, "room-msg", self.args.get(1).copied()))],
            "ask" => vec![Effect::Ask(self.args.first().map_or("null", |question| question).to_owned())],
            "big" => vec![self.say("big-back", [format!("\"{}\"", "x".repeat(self.number())).as_str()])],
            "burst" => (0..self.number()).map(|n| self.say("b", [n.to_string().as_str()])).collect(),
            "kick" => vec![Effect::Kick],
            _ => Vec::new(),
        }
    }

    fn say<'r>(&self, name: &str, args: impl IntoIterator<Item = &'r str>) -> Effect {
        Effect::Say(emit(self.namespace, name, args))
    }

    /// The same arguments, binaries too.
    fn back(&self, name: &str) -> Vec<Effect> {
        self.with_attachments(&Packet::emit(self.namespace, name, self.args.iter().copied()))
    }

    fn acknowledge(&self) -> Vec<Effect> {
        let Some(id) = self.event.id else { return Vec::new() };
        self.with_attachments(&Packet::ack(self.namespace, id, self.args.iter().copied()))
    }

    fn with_attachments(&self, packet: &Packet<'_>) -> Vec<Effect> {
        let text = encode(&packet.clone().with_attachments(self.attachments.len()));
        vec![Effect::Say(Say { text: Some(text), attachments: self.attachments.to_vec() })]
    }

    fn text(&self, at: usize) -> String {
        self.args.get(at).and_then(|raw| tidings_json::unescape(raw)).unwrap_or_default().into_owned()
    }

    fn number(&self) -> usize {
        self.args.first().and_then(|raw| raw.parse().ok()).unwrap_or(0).min(1_000_000)
    }
}

pub(crate) fn emit<'r>(namespace: &str, name: &str, args: impl IntoIterator<Item = &'r str>) -> Say {
    Say::text(encode(&Packet::emit(namespace, name, args)))
}

/// As a server would write it that parses and writes JSON: without needless escapes.
pub(crate) fn respelled(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}
