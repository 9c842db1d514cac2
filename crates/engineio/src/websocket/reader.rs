//! Frames in: whole messages out of a stream of bytes. It holds nothing but the fragments of an unfinished message.

use std::fmt;

use super::{Message, Opcode, mask};

/// What ends the connection, with the close code that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    Protocol,
    Utf8,
    TooBig,
}

impl Violation {
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Utf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "not a WebSocket frame that may stand here",
            Self::Utf8 => "text that is not UTF-8",
            Self::TooBig => "message over the limit",
        })
    }
}

impl std::error::Error for Violation {}

/// Who sends the frames: a client masks them, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// What one read gave: how many bytes were used, and a message unless they were a fragment.
pub type Taken<'a> = (usize, Option<Message<'a>>);

/// Reads a client's frames.
#[derive(Debug, Default)]
pub struct Reader {
    fragments: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    /// The message is whole: it was lent out, and is dropped at the next read.
    whole: bool,
    bytes: Vec<u8>,
}

/// A frame's head.
struct Head {
    last: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    start: usize,
    len: usize,
}

/// How many bytes the frame at the front of `bytes` has in all; 0 while its head is incomplete, or where it is none.
pub fn need(bytes: &[u8]) -> usize {
    match head(bytes) {
        Ok(Some(head)) => head.start.saturating_add(head.len),
        Ok(None) | Err(_) => 0,
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = Opcode::parse(first & 0x0f).filter(|_| first & 0x70 == 0).ok_or(Violation::Protocol)?;
    let last = first & 0x80 != 0;
    if opcode.is_control() && (second & 0x7f > 125 || !last) {
        return Err(Violation::Protocol);
    }
    let Some((len, rest, len_bytes)) = length(second & 0x7f, rest) else { return Ok(None) };
    let len = usize::try_from(len).map_err(|_| Violation::TooBig)?;
    if second & 0x80 == 0 {
        return Ok(Some(Head { last, opcode, mask: None, start: 2 + len_bytes, len }));
    }
    let mask = rest.first_chunk::<4>().copied();
    Ok(mask.map(|mask| Head { last, opcode, mask: Some(mask), start: 6 + len_bytes, len }))
}

/// A payload's length, what follows it, and how many bytes it took behind the first seven bits.
fn length(seven_bits: u8, rest: &[u8]) -> Option<(u64, &[u8], usize)> {
    match seven_bits {
        126 => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest, 2)),
        127 => rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len), rest, 8)),
        len => Some((len.into(), rest, 0)),
    }
}

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of an unfinished message that it holds.
    pub fn held(&self) -> usize {
        self.fragments.as_ref().map_or(0, |fragments| fragments.bytes.len())
    }

    /// Reads from the front of `bytes`, unmasking in place. None: the frame is not complete, leave the bytes as they are
    /// and come back with more. `max`: bytes of a whole message.
    ///
    /// Call it until it gives None (with no bytes left, too): only then is a fragmented message's memory free.
    pub fn read<'a>(&'a mut self, bytes: &'a mut [u8], max: usize) -> Result<Option<Taken<'a>>, Violation> {
        self.read_from(Sender::Client, bytes, max)
    }

    pub(super) fn read_from<'a>(&'a mut self, sender: Sender, bytes: &'a mut [u8], max: usize) -> Result<Option<Taken<'a>>, Violation> {
        if self.fragments.as_ref().is_some_and(|fragments| fragments.whole) {
            self.fragments = None;
        }
        let Some(head) = head(bytes)? else { return Ok(None) };
        self.admit(sender, &head, max)?;
        let end = head.start.checked_add(head.len).ok_or(Violation::TooBig)?;
        let Some(payload) = bytes.get_mut(head.start..end) else { return Ok(None) };
        if let Some(mask) = head.mask {
            mask::apply(payload, mask);
        }
        Ok(Some((end, self.message(&head, payload)?)))
    }

    /// Judges a frame by its head, before its payload is waited for.
    fn admit(&self, sender: Sender, head: &Head, max: usize) -> Result<(), Violation> {
        let begun = self.fragments.as_ref().map(|fragments| fragments.bytes.len());
        let in_turn = head.opcode.is_control() || (head.opcode == Opcode::Continuation) == begun.is_some();
        if !in_turn || head.mask.is_some() != (sender == Sender::Client) {
            return Err(Violation::Protocol);
        }
        if !head.opcode.is_control() && head.len.saturating_add(begun.unwrap_or(0)) > max {
            return Err(Violation::TooBig);
        }
        Ok(())
    }

    fn message<'a>(&'a mut self, head: &Head, payload: &'a [u8]) -> Result<Option<Message<'a>>, Violation> {
        match head.opcode {
            Opcode::Ping => Ok(Some(Message::Ping(payload))),
            Opcode::Pong => Ok(Some(Message::Pong(payload))),
            Opcode::Close => close(payload).map(Some),
            Opcode::Text | Opcode::Binary if head.last => whole(head.opcode == Opcode::Text, payload).map(Some),
            Opcode::Text | Opcode::Binary => {
                let text = head.opcode == Opcode::Text;
                self.fragments = Some(Box::new(Fragments { text, whole: false, bytes: payload.to_vec() }));
                Ok(None)
            }
            Opcode::Continuation => {
                let fragments = self.fragments.as_mut().ok_or(Violation::Protocol)?;
                fragments.bytes.extend_from_slice(payload);
                fragments.whole = head.last;
                if head.last { whole(fragments.text, &fragments.bytes).map(Some) } else { Ok(None) }
            }
        }
    }
}

fn whole(text: bool, payload: &[u8]) -> Result<Message<'_>, Violation> {
    if !text {
        return Ok(Message::Binary(payload));
    }
    std::str::from_utf8(payload).map(Message::Text).map_err(|_| Violation::Utf8)
}

fn close(payload: &[u8]) -> Result<Message<'_>, Violation> {
    match payload {
        [] => Ok(Message::Close(None)),
        [_] => Err(Violation::Protocol),
        [high, low, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
            match u16::from_be_bytes([*high, *low]) {
                code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Message::Close(Some(code))),
                _ => Err(Violation::Protocol),
            }
        }
    }
}
