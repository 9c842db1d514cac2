//! A POST's body on its way in: by length or chunked, never more than the limit.

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    Length(usize),
    Chunked,
}

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    TooLarge,
    /// Not chunks.
    Malformed,
}

impl BodyFault {
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Malformed => 400,
        }
    }
}

/// A chunk's head with its extensions, and all trailers, may not be longer.
const LINE_MAX: u16 = 4096;
/// A body grows from here: a declared length is not believed before it arrives.
const FIRST_ROOM: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(usize),
    /// In a chunk's head: its size so far.
    Size {
        size: usize,
        digits: u8,
        part: Part,
        line: u16,
    },
    Chunk(usize),
    /// Behind a chunk's bytes.
    ChunkEnd {
        cr: bool,
    },
    /// Behind the last chunk; `line`: bytes in the current line, `total` in all.
    Trailer {
        line: u16,
        total: u16,
    },
    Done,
}

/// Where in a chunk's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Digits,
    Extension,
    Cr,
}

#[derive(Debug)]
pub struct Body {
    state: State,
    max: usize,
    data: Vec<u8>,
}

impl Body {
    pub fn new(framed: Framed, max: usize) -> Self {
        let state = match framed {
            Framed::Length(0) => State::Done,
            Framed::Length(length) => State::Length(length),
            Framed::Chunked => State::SIZE,
        };
        Self { state, max, data: Vec::new() }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// All of it, once done.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes what belongs to the body from the front of `bytes`: how many those were.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, BodyFault> {
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            match self.state {
                State::Done => break,
                State::Length(left) => {
                    let before = rest.len();
                    rest = self.take(rest, left)?;
                    self.state = match left - (before - rest.len()) {
                        0 => State::Done,
                        left => State::Length(left),
                    };
                }
                State::Chunk(left) => {
                    let before = rest.len();
                    rest = self.take(rest, left)?;
                    self.state = match left - (before - rest.len()) {
                        0 => State::ChunkEnd { cr: false },
                        left => State::Chunk(left),
                    };
                }
                State::Size { .. } | State::ChunkEnd { .. } | State::Trailer { .. } => {
                    self.state = self.state.step(*byte)?;
                    rest = behind;
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// At most `left` bytes go into the data; the rest comes back.
    fn take<'a>(&mut self, bytes: &'a [u8], left: usize) -> Result<&'a [u8], BodyFault> {
        if left > self.max - self.data.len() {
            return Err(BodyFault::TooLarge);
        }
        let (taken, rest) = bytes.split_at(left.min(bytes.len()));
        if self.data.is_empty() {
            self.data.reserve_exact(left.min(FIRST_ROOM).max(taken.len()));
        }
        self.data.extend_from_slice(taken);
        Ok(rest)
    }
}

impl State {
    const SIZE: Self = Self::Size { size: 0, digits: 0, part: Part::Digits, line: 0 };

    fn step(self, byte: u8) -> Result<Self, BodyFault> {
        match self {
            Self::Size { size, digits, part, line } => Self::step_size(size, digits, part, line, byte),
            Self::ChunkEnd { cr: false } if byte == b'\r' => Ok(Self::ChunkEnd { cr: true }),
            Self::ChunkEnd { cr: true } if byte == b'\n' => Ok(Self::SIZE),
            Self::ChunkEnd { .. } => Err(BodyFault::Malformed),
            Self::Trailer { total: LINE_MAX, .. } => Err(BodyFault::Malformed),
            Self::Trailer { line: 0, .. } if byte == b'\n' => Ok(Self::Done),
            Self::Trailer { line, total } => Ok(match byte {
                b'\n' => Self::Trailer { line: 0, total: total + 1 },
                b'\r' => Self::Trailer { line, total: total + 1 },
                _ => Self::Trailer { line: line + 1, total: total + 1 },
            }),
            Self::Length(_) | Self::Chunk(_) | Self::Done => Ok(self),
        }
    }

    fn step_size(size: usize, digits: u8, part: Part, line: u16, byte: u8) -> Result<Self, BodyFault> {
        let digit = char::from(byte).to_digit(16).filter(|_| part == Part::Digits);
        match (byte, digit, part) {
            (_, Some(_), _) if digits == 15 => Err(BodyFault::TooLarge),
            (_, Some(digit), _) => Ok(Self::Size { size: size << 4 | digit as usize, digits: digits + 1, part, line: line + 1 }),
            _ if digits == 0 || line >= LINE_MAX => Err(BodyFault::Malformed),
            (b'\n', None, Part::Cr) if size == 0 => Ok(Self::Trailer { line: 0, total: 0 }),
            (b'\n', None, Part::Cr) => Ok(Self::Chunk(size)),
            (_, None, Part::Cr) | (b'\n', None, Part::Digits | Part::Extension) => Err(BodyFault::Malformed),
            (b'\r', None, _) => Ok(Self::Size { size, digits, part: Part::Cr, line: line + 1 }),
            (b';' | b' ' | b'\t', None, _) | (_, None, Part::Extension) => {
                Ok(Self::Size { size, digits, part: Part::Extension, line: line + 1 })
            }
            (_, None, Part::Digits) => Err(BodyFault::Malformed),
        }
    }
}
