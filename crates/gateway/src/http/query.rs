//! The query of an Engine.IO request (EIO, transport, sid, b64, j, t, _n); the rest is the application's.

use std::borrow::Cow;

use tidings_engineio::{Revision, Transport};

/// The engine's own parameters, percent-decoded; the first of a name counts.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    pub(crate) sid: Option<Cow<'a, str>>,
    pub(crate) stamp: Option<Cow<'a, str>>,
    eio: Option<Cow<'a, str>>,
    transport: Option<Cow<'a, str>>,
    base64: Option<Cow<'a, str>>,
    jsonp: Option<Cow<'a, str>>,
    number: Option<Cow<'a, str>>,
}

impl<'a> Params<'a> {
    pub(crate) fn read(query: &'a str) -> Self {
        let mut params = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match &*decode(name) {
                "EIO" => &mut params.eio,
                "transport" => &mut params.transport,
                "sid" => &mut params.sid,
                "b64" => &mut params.base64,
                "j" => &mut params.jsonp,
                "t" => &mut params.stamp,
                "_n" => &mut params.number,
                _ => continue,
            };
            if place.is_none() {
                *place = Some(decode(value));
            }
        }
        params
    }

    pub(crate) fn revision(&self) -> Option<Revision> {
        match self.eio.as_deref()? {
            "3" => Some(Revision::V3),
            "4" => Some(Revision::V4),
            _ => None,
        }
    }

    pub(crate) fn transport(&self) -> Option<Transport> {
        match self.transport.as_deref()? {
            "polling" => Some(Transport::Polling),
            "websocket" => Some(Transport::WebSocket),
            _ => None,
        }
    }

    pub(crate) fn base64(&self) -> bool {
        self.base64.as_deref().is_some_and(|value| !value.is_empty())
    }

    /// Only digits count, so that nothing of it can be script.
    pub(crate) fn jsonp(&self) -> Option<u32> {
        let digits = self.jsonp.as_deref()?.bytes().filter(u8::is_ascii_digit).take(9);
        Some(digits.fold(0, |index, digit| index * 10 + u32::from(digit - b'0')))
    }

    pub(crate) fn number(&self) -> Option<u32> {
        self.number.as_deref()?.parse().ok()
    }
}

/// Percent-decoding of a form: `+` is a space; what is no escape stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        bytes.push(match (byte, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = tail;
                    high << 4 | low
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
