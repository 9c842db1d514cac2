//! The handshake's query, as far as the app put something of ours into it.

use tidings_model::{Code, DeviceId, Refusal, Uid};

use crate::claim::Presented;
use crate::intent::version_two;

#[cfg(test)]
mod tests;

/// `?uid=U&device=D&v=N` of a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) uid: Option<Result<Uid, Refusal>>,
    pub(crate) device: Option<Result<DeviceId, Refusal>>,
    /// `v=2`: not served yet, never silently as version 1.
    pub(crate) wants_two: bool,
    /// What registration may check; empty where it checks nothing.
    pub(crate) presented: Presented,
}

impl Hello {
    /// None where the query holds nothing of ours.
    pub(crate) fn parse(query: &str) -> Option<Box<Self>> {
        let mut hello = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "uid" => {
                    hello.uid =
                        Some(decode(value).ok_or("is no UTF-8").and_then(|uid| Uid::parse(&uid).map_err(|e| e.0)).map_err(refuse("uid")))
                }
                "device" => {
                    let id = decode(value).ok_or("is no UTF-8").and_then(|id| DeviceId::parse(&id).map_err(|e| e.0));
                    hello.device = Some(id.map_err(refuse("device")));
                }
                "v" => hello.wants_two = value == "2",
                _ => {}
            }
        }
        (hello != Self::default()).then(|| Box::new(hello))
    }

    /// What stands in the way of registering anybody on this socket.
    pub(crate) fn obstacle(&self) -> Option<Refusal> {
        if self.wants_two {
            return Some(version_two());
        }
        self.device.as_ref()?.as_ref().err().cloned()
    }

    /// The handshake itself asks to be somebody.
    pub(crate) fn registers(&self) -> bool {
        self.uid.is_some() || !self.presented.is_empty()
    }

    pub(crate) fn device_id(&self) -> Option<&DeviceId> {
        self.device.as_ref()?.as_ref().ok()
    }
}

fn refuse(field: &'static str) -> impl FnOnce(&'static str) -> Refusal {
    move |why| Refusal::new(Code::InvalidField, format!("{field} {why}")).field(field)
}

/// Percent-decoded, `+` as space (application/x-www-form-urlencoded, as query strings are written).
pub(crate) fn decode(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                match (hex(ahead.next()), hex(ahead.next())) {
                    (Some(high), Some(low)) => {
                        bytes.push((high * 16 + low) as u8);
                        rest = ahead;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
