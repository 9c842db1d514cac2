//! Joining a namespace and being refused, where protocol 4 and 5 differ. It keeps no list of who has joined what.

use tidings_json::{Json, Kind, write_string};

use crate::{Packet, PacketType};

#[cfg(test)]
mod tests;

/// Socket.IO's protocol, which follows from Engine.IO's revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Over Engine.IO 3: JS 1.x/2.x, Java 0.x/1.x.
    V4,
    /// Over Engine.IO 4.
    V5,
}

/// What a client's CONNECT asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    Join,
    /// Old Swift and C++ clients say it for `/`, though they are in already.
    Ignore,
    /// A second one for the same namespace: the connection is closed.
    Violation,
}

/// Why a namespace cannot be joined. The transport stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    pub message: &'a str,
    /// The app's own.
    pub data: Option<Json>,
}

impl Refusal<'static> {
    /// Both protocols' words for a namespace that is not served.
    pub const UNKNOWN: Self = Self { message: "Invalid namespace", data: None };
}

impl Protocol {
    /// Whether `/` is joined as soon as the transport is open. Protocol 5 waits for a CONNECT, and not for ever.
    pub const fn joins_root_unasked(self) -> bool {
        matches!(self, Self::V4)
    }

    /// What to do with a CONNECT for a namespace, joined already or not.
    pub fn connect(self, namespace: &str, joined: bool) -> Connect {
        match (self, namespace, joined) {
            (Self::V4, "/", true) => Connect::Ignore,
            (_, _, true) => Connect::Violation,
            (_, _, false) => Connect::Join,
        }
    }

    /// What a CONNECT brings to say who asks: protocol 4's namespace query as an object of strings, in the order given (of
    /// a key that comes twice the first), protocol 5's auth object. `{}` where it brings none.
    pub fn credentials(self, connect: &Packet<'_>) -> Json {
        match self {
            Self::V4 => query_object(connect.query.unwrap_or_default()),
            Self::V5 => connect.data.clone().unwrap_or_else(|| Json::trusted("{}")),
        }
    }

    /// The answer to who has joined. `id` is public: in protocol 5 it is not the Engine.IO sid, which is a secret.
    pub fn joined<'a>(self, namespace: &'a str, id: &str) -> Packet<'a> {
        let data = match self {
            Self::V4 => None,
            Self::V5 => Some(Json::trusted(format!("{{\"sid\":{}}}", Json::string(id)))),
        };
        Packet { data, ..Packet::new(PacketType::Connect, namespace) }
    }

    /// The answer to who is refused.
    pub fn refused<'a>(self, namespace: &'a str, refusal: &Refusal<'_>) -> Packet<'a> {
        let data = match self {
            Self::V4 => refusal.data.clone().filter(is_safe_for_java).unwrap_or_else(|| Json::string(refusal.message)),
            Self::V5 => error_object(refusal),
        };
        Packet { data: Some(data), ..Packet::new(PacketType::ConnectError, namespace) }
    }
}

/// Java reads a letter or digit behind the type as an ack id.
fn is_safe_for_java(data: &Json) -> bool {
    matches!(data.kind(), Kind::String | Kind::Array | Kind::Object)
}

fn error_object(refusal: &Refusal<'_>) -> Json {
    let mut out = String::from("{\"message\":");
    write_string(&mut out, refusal.message);
    if let Some(data) = &refusal.data {
        out.push_str(",\"data\":");
        out.push_str(data.as_str());
    }
    out.push('}');
    Json::trusted(out)
}

fn query_object(query: &str) -> Json {
    let mut members: Vec<(String, String)> = Vec::new();
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let key = percent_decode(key);
        if members.iter().all(|(known, _)| *known != key) {
            members.push((key, percent_decode(value)));
        }
    }
    let mut out = String::from("{");
    for (i, (key, value)) in members.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(&mut out, key);
        out.push(':');
        write_string(&mut out, value);
    }
    out.push('}');
    Json::trusted(out)
}

/// As browsers do: `+` is a space, a `%` that begins no byte stands for itself, bytes that are no UTF-8 are replaced.
fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, left @ ..] = rest {
        rest = left;
        match (byte, left) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = behind;
            }
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A hex digit's value.
const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
