//! Frames in: whole messages out of a stream of bytes. Memory is held only while a message is fragmented.

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

/// Who sent the frames: a client masks, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Client,
    Server,
}

/// Reads a client's frames.
#[derive(Debug, Default)]
pub struct Reader {
    fragments: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    /// The message is complete: it was lent out and is dropped at the next read.
    done: bool,
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

/// How many bytes the frame at the front of `bytes` has in all; 0 while its head is incomplete.
pub fn need(bytes: &[u8]) -> usize {
    match head(bytes) {
        Ok(Some(head)) => head.start + head.len,
        Ok(None) | Err(_) => 0,
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = Opcode::parse(first & 0x0f).filter(|_| first & 0x70 == 0).ok_or(Violation::Protocol)?;
    let (len, extra) = match second & 0x7f {
        126 => match rest {
            [a, b, ..] => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(eight) => (u64::from_be_bytes(*eight), 8),
            None => return Ok(None),
        },
        small => (u64::from(small), 0),
    };
    let last = first & 0x80 != 0;
    if opcode.is_control() && (len > 125 || !last) {
        return Err(Violation::Protocol);
    }
    let len = usize::try_from(len).map_err(|_| Violation::TooBig)?;
    if second & 0x80 == 0 {
        return Ok(Some(Head { last, opcode, mask: None, start: 2 + extra, len }));
    }
    let mask = rest.get(extra..).and_then(|rest| rest.first_chunk::<4>()).copied();
    Ok(mask.map(|mask| Head { last, opcode, mask: Some(mask), start: 6 + extra, len }))
}

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads from the front of `bytes`, unmasking in place. None: the frame is not complete, leave the bytes. Else how many
    /// bytes were used, and a message unless it was a fragment. `max`: bytes of a whole message.
    pub fn read<'a>(&'a mut self, bytes: &'a mut [u8], max: usize) -> Result<Option<(usize, Option<Message<'a>>)>, Violation> {
        self.read_from(From::Client, bytes, max)
    }

    pub(super) fn read_from<'a>(
        &'a mut self,
        from: From,
        bytes: &'a mut [u8],
        max: usize,
    ) -> Result<Option<(usize, Option<Message<'a>>)>, Violation> {
        if self.fragments.as_ref().is_some_and(|fragments| fragments.done) {
            self.fragments = None;
        }
        let Some(head) = head(bytes)? else { return Ok(None) };
        if head.mask.is_some() != (from == From::Client) {
            return Err(Violation::Protocol);
        }
        let held = self.fragments.as_ref().map_or(0, |fragments| fragments.bytes.len());
        if !head.opcode.is_control() && head.len.saturating_add(held) > max {
            return Err(Violation::TooBig);
        }
        let end = head.start.checked_add(head.len).ok_or(Violation::TooBig)?;
        let Some(payload) = bytes.get_mut(head.start..end) else { return Ok(None) };
        if let Some(mask) = head.mask {
            mask::apply(payload, mask);
        }
        Ok(Some((end, self.message(&head, payload)?)))
    }

    fn message<'a>(&'a mut self, head: &Head, payload: &'a [u8]) -> Result<Option<Message<'a>>, Violation> {
        match head.opcode {
            Opcode::Ping => Ok(Some(Message::Ping(payload))),
            Opcode::Pong => Ok(Some(Message::Pong(payload))),
            Opcode::Close => close(payload).map(Some),
            Opcode::Text | Opcode::Binary if self.fragments.is_some() => Err(Violation::Protocol),
            Opcode::Text if head.last => whole(true, payload).map(Some),
            Opcode::Binary if head.last => whole(false, payload).map(Some),
            Opcode::Text | Opcode::Binary => {
                let text = head.opcode == Opcode::Text;
                self.fragments = Some(Box::new(Fragments { text, done: false, bytes: payload.to_vec() }));
                Ok(None)
            }
            Opcode::Continuation => {
                let fragments = self.fragments.as_mut().ok_or(Violation::Protocol)?;
                fragments.bytes.extend_from_slice(payload);
                if !head.last {
                    return Ok(None);
                }
                fragments.done = true;
                whole(fragments.text, &fragments.bytes).map(Some)
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
