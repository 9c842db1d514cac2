//! Ice's data encoding 1.1, and 1.0 where it differs: little-endian, unaligned, sizes of one or five bytes.
//!
//! Every read is checked against what is left before anything is allocated; a count is believed only as far as its smallest
//! elements could lie there. No classes: without them nothing nests deeper than its type.

use std::fmt;

use bytes::Bytes;

mod decoder;
mod optional;
mod value;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub(crate) use optional::END_MARK;
pub use optional::Format;
pub use value::Value;
pub(crate) use value::structure;

/// How the bytes of an encapsulation are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Without optionals; exceptions of a form of its own.
    V1_0,
    #[default]
    V1_1,
}

/// Why bytes are not what their type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A value ends behind the last byte.
    Short,
    /// A size is negative, or an encapsulation shorter than its own head.
    BadSize,
    /// More elements than their bytes could hold, or than one message may have.
    TooMany,
    NotUtf8,
    /// A bool that is neither 0 nor 1.
    BadBool,
    /// Bytes behind the last value.
    Leftover,
    /// An optional under a known tag in another format than its type's.
    BadFormat,
    /// A class instance.
    Class,
    /// An encapsulation in an encoding that is neither 1.0 nor 1.1.
    Encoding,
}

impl DecodeError {
    /// What a peer is told; fixed texts only.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Short => "unexpected end of data",
            Self::BadSize => "invalid size",
            Self::TooMany => "too many elements",
            Self::NotUtf8 => "invalid UTF-8",
            Self::BadBool => "invalid bool",
            Self::Leftover => "unexpected data behind the last value",
            Self::BadFormat => "an optional of an unexpected format",
            Self::Class => "class instances are not supported",
            Self::Encoding => "unsupported encoding",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for DecodeError {}

/// Bytes with the encoding they are in; on the wire behind a head of six bytes that counts itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encapsulation {
    pub encoding: Encoding,
    /// Without the head.
    pub body: Bytes,
}

impl Encapsulation {
    pub(crate) const HEAD: usize = 6;

    pub fn v1_1(body: impl Into<Bytes>) -> Self {
        Self { encoding: Encoding::V1_1, body: body.into() }
    }

    /// Reads the one that `bytes` begin with. Returns it and how many bytes it took.
    pub fn parse(bytes: &Bytes) -> Result<(Self, usize), DecodeError> {
        let mut head = Decoder::new(bytes, Encoding::V1_1);
        let size = usize::try_from(i32::decode(&mut head)?).map_err(|_| DecodeError::BadSize)?;
        let encoding = match (u8::decode(&mut head)?, u8::decode(&mut head)?) {
            (1, 0) => Encoding::V1_0,
            (1, 1) => Encoding::V1_1,
            _ => return Err(DecodeError::Encoding),
        };
        if size < Self::HEAD {
            return Err(DecodeError::BadSize);
        }
        if size > bytes.len() {
            return Err(DecodeError::Short);
        }
        Ok((Self { encoding, body: bytes.slice(Self::HEAD..size) }, size))
    }

    pub fn decoder(&self) -> Decoder<'_> {
        Decoder::new(&self.body, self.encoding)
    }

    /// Reads the whole of it by `read`, which takes what is required and the optionals it knows.
    pub fn read<'a, T>(&'a self, read: impl FnOnce(&mut Decoder<'a>) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        let mut decoder = self.decoder();
        let value = read(&mut decoder)?;
        decoder.finish()?;
        Ok(value)
    }

    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        encoder.int32(Self::HEAD + self.body.len());
        encoder.raw(match self.encoding {
            Encoding::V1_0 => &[1, 0],
            Encoding::V1_1 => &[1, 1],
        });
        encoder.raw(&self.body);
    }
}

/// Writes values one behind the other.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A length that counts itself or is counted: never beyond a message, and those end at 2^31 - 1 bytes.
    pub(crate) fn int32(&mut self, length: usize) -> &mut Self {
        let length = i32::try_from(length).expect("no value of ours is larger than 2 GiB");
        self.raw(&length.to_le_bytes())
    }

    pub fn size(&mut self, size: usize) -> &mut Self {
        match u8::try_from(size) {
            Ok(small) if small < 255 => self.raw(&[small]),
            Ok(_) | Err(_) => self.raw(&[255]).int32(size),
        }
    }

    pub fn value<T: Value>(&mut self, value: &T) -> &mut Self {
        value.encode(self);
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.size(text.len()).raw(text.as_bytes())
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn finish(self) -> Bytes {
        self.bytes.into()
    }

    /// Writes `at` anew: a length known only later.
    pub(crate) fn patch(&mut self, at: usize, length: usize) {
        let length = i32::try_from(length).expect("no value of ours is larger than 2 GiB");
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
}
