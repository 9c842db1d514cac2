//! What passes between a session and the shell that owns its connections.
//!
//! A session has at most three connections at a time: the open GET, the running POST, and a WebSocket
//! (a second one, the probe, while it upgrades). The shell keeps which is which; the session only names roles.

use bytes::Bytes;

use crate::{Message, Revision, Sid};

/// One of a session's WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The session's transport.
    Socket,
    /// A second transport that has not sent `5` yet.
    Probe,
}

/// One of a polling session's HTTP exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The oldest GET that waits.
    Poll,
    /// The GET that just arrived, where an older one may still wait.
    NewPoll,
    Post,
}

/// A new session's first request, as the HTTP machine understood it.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    pub sid: Sid,
    pub revision: Revision,
    pub transport: Transport,
    /// `b64=1`.
    pub base64: bool,
    /// `j=<digits>`: JSONP.
    pub jsonp: Option<u32>,
    /// The value of `t`.
    pub stamp: Option<&'a str>,
    /// The whole query, percent-encoded as it came.
    pub query: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Polling,
    WebSocket,
}

/// What a POST's Content-Type says about its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    /// `application/octet-stream`.
    Octets,
}

/// What the shell tells a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// A GET with the session's sid. The shell holds it until an [`Action::Respond`] to [`Exchange::Poll`] (the oldest that
    /// waits) or [`Exchange::NewPoll`] (this one), or an [`Action::Abandon`]. At most one waits when the input is dealt with.
    Poll { jsonp: Option<u32>, stamp: Option<&'a str>, number: Option<u32>, query: &'a str },
    /// A whole POST body (already within the limit). Answered by [`Action::Respond`] for [`Exchange::Post`].
    Post { form: Form, jsonp: bool, body: &'a [u8] },
    /// A POST began while the body of another was still coming. The shell answers it with 400.
    SecondPost,
    /// The connection of the open GET died, or of the POST before it was answered.
    Lost(Exchange),
    /// An Upgrade request with the session's sid. Unless the session answers [`Action::Refuse`], the shell writes 101
    /// and the connection is the probe.
    Probe,
    /// A WebSocket message or control frame.
    Message { link: Link, message: Message<'a> },
    /// The connection ended (FIN, RST, error), or its bytes were no WebSocket frames.
    Closed { link: Link },
    /// The kernel did not take everything written to the socket: the shell keeps the rest of this turn's writes,
    /// and the session writes no more until `Drained`.
    Blocked,
    /// Everything written has gone into the kernel.
    Drained,
}

/// What a session tells the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Respond {
        exchange: Exchange,
        response: Response,
    },
    Write {
        link: Link,
        bytes: Bytes,
    },
    /// End the oldest open exchange of this kind without an answer: its client has asked again elsewhere.
    Abandon(Exchange),
    /// The connection that just asked to be the probe gets 400 `Bad request` and is closed; an earlier probe or socket stays.
    Refuse,
    /// The probe's connection is the session's socket from now on.
    Promote,
    /// End a connection after what was written to it. The session forgets it at once: no `Closed` follows.
    Shut {
        link: Link,
        goodbye: Goodbye,
    },
}

/// How a WebSocket's connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// TCP FIN without a Close frame: Java clients notice it at once, and only it.
    Fin,
    /// A Close frame with this code, then FIN.
    Frame(u16),
}

/// An HTTP answer of a polling session. CORS and caching headers are the shell's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content: Content,
    /// With 302.
    pub location: Option<String>,
    pub body: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `text/plain; charset=UTF-8`
    Text,
    /// `application/octet-stream`, without parameters
    Octets,
    /// `text/javascript; charset=UTF-8`
    Script,
    /// `application/json`
    Json,
}

/// The reference server's error bodies: `{"code":N,"message":"..."}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadHandshakeMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedVersion = 5,
}

impl Fault {
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    pub fn response(self) -> Response {
        let body = format!("{{\"code\":{},\"message\":\"{}\"}}", self as u8, self.message());
        Response { status: self.status(), content: Content::Json, location: None, body: body.into() }
    }
}

impl Response {
    pub fn ok(content: Content, body: impl Into<Bytes>) -> Self {
        Self { status: 200, content, location: None, body: body.into() }
    }
}
