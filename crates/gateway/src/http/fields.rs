//! What we read of a request's headers.

use std::net::IpAddr;

use httparse::Header;
use tidings_engineio::Form;

use super::{Cors, Proxies, Reply};
use crate::Client;

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(usize),
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Absent,
    Bytes(usize),
    /// Not a number, or two that differ.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Chunked,
    Other,
}

#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) origin: Option<&'a str>,
    pub(crate) requested_headers: Option<&'a str>,
    pub(crate) websocket_key: Option<&'a str>,
    pub(crate) websocket_version: Option<&'a str>,
    pub(crate) expects_continue: bool,
    /// It asks for a WebSocket. Other upgrades (`h2c`) are ignored, as anybody may.
    pub(crate) upgrades: bool,
    agent: &'a str,
    content_type: Option<&'a str>,
    length: Length,
    encoding: Encoding,
    keep_alive: bool,
    close: bool,
    proxied: bool,
    forwarded: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn read(headers: &[Header<'a>]) -> Self {
        let mut fields = Self {
            origin: None,
            requested_headers: None,
            websocket_key: None,
            websocket_version: None,
            expects_continue: false,
            upgrades: false,
            agent: "",
            content_type: None,
            length: Length::Absent,
            encoding: Encoding::Identity,
            keep_alive: false,
            close: false,
            proxied: false,
            forwarded: Vec::new(),
        };
        let (mut websocket, mut upgrade) = (false, false);
        for header in headers {
            let value = std::str::from_utf8(header.value).unwrap_or_default();
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("user-agent") {
                fields.agent = value;
            } else if is("connection") {
                fields.close |= has_token(value, "close");
                fields.keep_alive |= has_token(value, "keep-alive");
                upgrade |= has_token(value, "upgrade");
            } else if is("upgrade") {
                websocket |= has_token(value, "websocket");
            } else {
                fields.read_other(header, value);
            }
        }
        fields.upgrades = websocket && upgrade;
        fields
    }

    fn read_other(&mut self, header: &Header<'a>, value: &'a str) {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            self.length = self.length.with(header.value);
        } else if is("transfer-encoding") {
            let first = self.encoding == Encoding::Identity;
            self.encoding = if first && value.eq_ignore_ascii_case("chunked") { Encoding::Chunked } else { Encoding::Other };
        } else if is("content-type") {
            self.content_type = Some(value);
        } else if is("origin") {
            self.origin = Some(value);
        } else if is("sec-websocket-key") {
            self.websocket_key = Some(value);
        } else if is("sec-websocket-version") {
            self.websocket_version = Some(value);
        } else if is("expect") {
            self.expects_continue = value.eq_ignore_ascii_case("100-continue");
        } else if is("access-control-request-headers") {
            self.requested_headers = Some(value);
        } else if is("x-forwarded-for") {
            self.proxied = true;
            self.forwarded.push(value);
        } else if is("via") || is("forwarded") {
            self.proxied = true;
        }
    }

    /// Err: the status that refuses it. A request that could be read in two ways is never guessed at.
    pub(crate) fn framing(&self, minor: u8) -> Result<Framing, u16> {
        match (self.encoding, self.length) {
            (Encoding::Identity, Length::Absent) => Ok(Framing::None),
            (Encoding::Identity, Length::Bytes(length)) => Ok(Framing::Length(length)),
            (Encoding::Chunked, Length::Absent) if minor > 0 => Ok(Framing::Chunked),
            (Encoding::Other, Length::Absent) if minor > 0 => Err(501),
            (Encoding::Identity | Encoding::Chunked | Encoding::Other, _) => Err(400),
        }
    }

    pub(crate) fn reply(&self, method: &str, minor: u8, cors: &Cors) -> Reply {
        Reply {
            origin: cors.echo(self.origin),
            close: self.close || (minor == 0 && !self.keep_alive),
            old: minor == 0,
            bodiless: method == "HEAD",
            explorer: self.agent.contains("MSIE") || self.agent.contains("Trident"),
            upgrade: self.upgrades,
        }
    }

    pub(crate) fn form(&self) -> Form {
        let kind = self.content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if kind.trim().eq_ignore_ascii_case("application/octet-stream") { Form::Octets } else { Form::Text }
    }

    pub(crate) fn client(&self, peer: IpAddr, proxies: &Proxies) -> Client<'a> {
        let peer = peer.to_canonical();
        let hops = self.forwarded.iter().rev().flat_map(|value| value.rsplit(','));
        let trusted = proxies.trusts(peer);
        Client { addr: proxies.origin(peer, hops), agent: self.agent, proxied: self.proxied || trusted, trusted, place: 0 }
    }
}

impl Length {
    fn with(self, value: &[u8]) -> Self {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        // More digits than fit are a length too, and above any limit.
        let bytes = std::str::from_utf8(value).unwrap_or_default().parse().unwrap_or(usize::MAX);
        match self {
            _ if !digits => Self::Bad,
            Self::Absent => Self::Bytes(bytes),
            Self::Bytes(first) if first == bytes => self,
            Self::Bytes(_) | Self::Bad => Self::Bad,
        }
    }
}

fn has_token(value: &str, token: &str) -> bool {
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token))
}
