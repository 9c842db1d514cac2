//! The polling half of a session: the queue, the open GET, the answer that is kept until it is proven.

use std::collections::VecDeque;

use bytes::Bytes;

use super::ledger::{Ledger, Turn};
use super::outgoing::{NOOP, Outgoing, PING};
use crate::polling::{self, Dialect, Framing, Unit};
use crate::{Content, Moment, Opening, Response, Revision};

/// python-engineio disconnects above this.
const PACKETS_MAX: usize = 16;
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// A kept answer is sent again this often; then the session is closed.
const RESENDS_MAX: u8 = 2;

/// A packet that waits for a GET.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) what: What,
    /// The caller's mark, if it carries a message.
    pub(crate) mark: Option<u64>,
    /// The next one belongs to the same Socket.IO packet (a header and its attachments).
    pub(crate) joined: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Short(&'static str),
    Out(Outgoing),
}

impl What {
    fn len(&self) -> usize {
        match self {
            Self::Short(text) => text.len(),
            Self::Out(out) => out.len(),
        }
    }

    fn unit(&self) -> Unit<'_> {
        match self {
            Self::Short(text) => Unit::Text(text),
            Self::Out(Outgoing::Text(frame)) => Unit::Text(frame.packet()),
            Self::Out(Outgoing::Binary(bytes)) => Unit::Binary(bytes),
        }
    }

    fn is_binary(&self) -> bool {
        matches!(self, Self::Out(Outgoing::Binary(_)))
    }
}

/// The GET that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) since: Moment,
    jsonp: Option<u32>,
}

/// An answer that left.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) serial: u32,
    pub(crate) mark: u64,
    packets: Vec<Queued>,
    resends: u8,
}

/// A WebSocket that wants to become the transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) since: Moment,
    /// `2probe` was answered.
    pub(crate) greeted: bool,
}

#[derive(Debug)]
pub(crate) struct Poller {
    framing: Outbound,
    pub(crate) dialect: Dialect,
    pub(crate) ledger: Ledger,
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) open: Option<Open>,
    /// Answers are kept until proven (from `_register` on); before it they leave as they come.
    pub(crate) keeps: bool,
    pub(crate) kept: Option<Kept>,
    pub(crate) probe: Option<Probe>,
    /// The answer written last was the kept one (an older GET's noop is not).
    pub(crate) kept_is_last: bool,
    /// The open GET, or the next, is answered even if there is nothing to say.
    pub(crate) prodded: bool,
}

/// R1: decided once, at the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outbound {
    V4,
    Text,
    Octets,
    /// Text, but a payload that holds a binary packet goes whole in binary framing.
    TextOrOctets,
}

impl Poller {
    pub(crate) fn new(opening: &Opening<'_>) -> Self {
        let framing = match opening.revision {
            Revision::V4 => Outbound::V4,
            Revision::V3 if opening.base64 || opening.jsonp.is_some() => Outbound::Text,
            Revision::V3 if opening.stamp.is_some() => Outbound::Octets,
            Revision::V3 => Outbound::TextOrOctets,
        };
        Self {
            framing,
            dialect: Dialect::default(),
            ledger: Ledger::new(opening.stamp),
            queue: VecDeque::new(),
            open: None,
            keeps: false,
            kept: None,
            probe: None,
            kept_is_last: false,
            prodded: false,
        }
    }

    /// Text framing is ASCII only (R2).
    pub(crate) fn wants_ascii(&self) -> bool {
        matches!(self.framing, Outbound::Text | Outbound::TextOrOctets)
    }

    pub(crate) fn turn(&mut self, stamp: Option<&str>, number: Option<u32>) -> Turn {
        self.ledger.turn(stamp, number, self.open.is_some())
    }

    pub(crate) fn hold(&mut self, since: Moment, jsonp: Option<u32>) {
        self.open = Some(Open { since, jsonp });
    }

    pub(crate) fn push(&mut self, what: What, mark: Option<u64>, joined: bool) {
        self.queue.push_back(Queued { what, mark, joined });
    }

    /// Whether messages may leave by a GET now: while a kept-answers session is probed they wait for the WebSocket.
    fn may_answer(&self) -> bool {
        !(self.keeps && self.is_probed())
    }

    pub(crate) fn is_probed(&self) -> bool {
        self.probe.is_some_and(|probe| probe.greeted)
    }

    /// An answer for the open GET, if there is something to say: what is queued, or a noop where the GET has to end. The mark
    /// it carries comes with it.
    pub(crate) fn answer(&mut self, serial: u32) -> Option<(Response, u64)> {
        self.open?;
        let prodded = std::mem::take(&mut self.prodded);
        if self.queue.is_empty() || !self.may_answer() {
            return (self.is_probed() || prodded).then(|| self.finish(serial, vec![noop()]));
        }
        let packets = self.take();
        Some(self.finish(serial, packets))
    }

    /// Answers the open GET with a noop.
    pub(crate) fn relieve(&mut self, serial: u32) -> Option<(Response, u64)> {
        self.open?;
        Some(self.finish(serial, vec![noop()]))
    }

    fn finish(&mut self, serial: u32, packets: Vec<Queued>) -> (Response, u64) {
        let mark = packets.iter().filter_map(|queued| queued.mark).max().unwrap_or(0);
        let jsonp = self.open.take().and_then(|open| open.jsonp);
        let response = self.encode(&packets, jsonp);
        self.kept_is_last = true;
        let packets = if self.keeps { packets } else { Vec::new() };
        self.kept = Some(Kept { serial, mark, packets, resends: 0 });
        (response, mark)
    }

    /// At most 16 packets where the client stamps its GETs, and about 256 KB; a packet and its attachments stay together
    /// if they fit.
    fn take(&mut self) -> Vec<Queued> {
        let packets_max = if self.ledger.is_stamped() { PACKETS_MAX } else { usize::MAX };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((count, size)) = self.group() {
            let fits = taken.len() + count <= packets_max && bytes + size <= ANSWER_BYTES_MAX;
            if !fits && !taken.is_empty() {
                break;
            }
            let room = if fits { count } else { packets_max.min(count) };
            taken.extend(self.queue.drain(..room));
            bytes += size;
            if !fits {
                break;
            }
        }
        taken
    }

    /// The next group's number of packets and bytes.
    fn group(&self) -> Option<(usize, usize)> {
        self.queue.front()?;
        let mut size = 0;
        for (i, queued) in self.queue.iter().enumerate() {
            size += queued.what.len();
            if !queued.joined {
                return Some((i + 1, size));
            }
        }
        Some((self.queue.len(), size))
    }

    /// The kept answer once more; None where it was sent often enough.
    pub(crate) fn repeat(&mut self, jsonp: Option<u32>) -> Option<Response> {
        let kept = self.kept.as_mut().filter(|kept| kept.resends < RESENDS_MAX)?;
        kept.resends += 1;
        if kept.packets.is_empty() {
            // It left before answers were kept.
            return Some(self.short(NOOP, jsonp));
        }
        let packets = std::mem::take(&mut kept.packets);
        let response = self.encode(&packets, jsonp);
        if let Some(kept) = &mut self.kept {
            kept.packets = packets;
        }
        self.kept_is_last = true;
        Some(response)
    }

    pub(crate) fn kept_has_ping(&self) -> bool {
        let pings = |kept: &Kept| kept.packets.iter().any(|queued| matches!(queued.what, What::Short(PING)));
        self.kept.as_ref().is_some_and(pings)
    }

    /// What the WebSocket takes over: what was never proven, and what still waits.
    pub(crate) fn leftovers(&mut self, proven: bool) -> Vec<Queued> {
        let mut left = Vec::new();
        if let Some(kept) = self.kept.take().filter(|_| !proven) {
            left.extend(kept.packets.into_iter().filter(|queued| !matches!(queued.what, What::Short(NOOP | PING))));
        }
        left.extend(self.queue.drain(..));
        left
    }

    fn encode(&self, packets: &[Queued], jsonp: Option<u32>) -> Response {
        let framing = match self.framing {
            Outbound::V4 => Framing::V4,
            Outbound::Text => Framing::V3Text,
            Outbound::Octets => Framing::V3Binary,
            Outbound::TextOrOctets if packets.iter().any(|queued| queued.what.is_binary()) => Framing::V3Binary,
            Outbound::TextOrOctets => Framing::V3Text,
        };
        self.respond(framing, polling::encode(framing, packets.iter().map(|queued| queued.what.unit())), jsonp)
    }

    /// One short packet as an answer that is not kept.
    pub(crate) fn short(&self, packet: &str, jsonp: Option<u32>) -> Response {
        let framing = match self.framing {
            Outbound::V4 => Framing::V4,
            Outbound::Text | Outbound::TextOrOctets => Framing::V3Text,
            Outbound::Octets => Framing::V3Binary,
        };
        self.respond(framing, polling::encode(framing, [Unit::Text(packet)]), jsonp)
    }

    fn respond(&self, framing: Framing, body: Vec<u8>, jsonp: Option<u32>) -> Response {
        match (jsonp, framing) {
            (Some(index), Framing::V3Text) => {
                let payload = String::from_utf8(body).unwrap_or_default();
                Response::ok(Content::Script, polling::jsonp::wrap(index, &payload))
            }
            (_, Framing::V3Binary) => Response::ok(Content::Octets, Bytes::from(body)),
            (_, Framing::V4 | Framing::V3Text) => Response::ok(Content::Text, Bytes::from(body)),
        }
    }

    /// What waits and is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.iter().map(|queued| queued.what.len()).sum()
    }
}

fn noop() -> Queued {
    Queued { what: What::Short(NOOP), mark: None, joined: false }
}
