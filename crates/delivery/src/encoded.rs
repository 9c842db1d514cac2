//! A message as frames: encoded once for each wire form and shared by every socket of that form.

use std::sync::OnceLock;

use tidings_engineio::Frame;
use tidings_json::{ascii, write_string};
use tidings_model::Body;

/// One Socket.IO event as an Engine.IO text packet. Raw for WebSockets, EIO4 polling and EIO3 binary framing (whose
/// packets are the same text); ASCII for EIO3 text framing.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    raw: Frame,
    ascii: OnceLock<Option<Frame>>,
}

impl Encoded {
    /// `namespace` as it stands in a packet: nothing for `/`, else with its comma. `args` are JSON values, separated by commas.
    pub(crate) fn event(namespace: &str, name: &str, args: &str) -> Self {
        let mut packet = String::with_capacity(namespace.len() + name.len() + args.len() + 8);
        packet.push_str("42");
        packet.push_str(namespace);
        packet.push('[');
        write_string(&mut packet, name);
        if !args.is_empty() {
            packet.push(',');
            packet.push_str(args);
        }
        packet.push(']');
        Self::packet(&packet)
    }

    /// Any text packet.
    pub(crate) fn packet(packet: &str) -> Self {
        Self { raw: Frame::new(packet), ascii: OnceLock::new() }
    }

    /// A legacy message: exactly one argument with exactly one key, or the arguments that it was sent with.
    pub(crate) fn message(namespace: &str, name: &str, body: &Body) -> Self {
        match body {
            Body::Data(data) => Self::event(namespace, name, &format!("{{\"data\":{data}}}")),
            Body::Args(array) => {
                let text = array.as_str();
                Self::event(namespace, name, text.get(1..text.len() - 1).unwrap_or_default())
            }
        }
    }

    pub(crate) fn raw(&self) -> &Frame {
        &self.raw
    }

    pub(crate) fn frame(&self, wants_ascii: bool) -> &Frame {
        if !wants_ascii {
            return &self.raw;
        }
        let ascii = self.ascii.get_or_init(|| match ascii(self.raw.packet()) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(text) => Some(Frame::new(&text)),
        });
        ascii.as_ref().unwrap_or(&self.raw)
    }
}
