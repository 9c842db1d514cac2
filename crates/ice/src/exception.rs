//! User exceptions: slices from the most derived type to its base.
//!
//! 3.7 writes them compact, without sizes, 3.8 sliced: both are read, and always sliced are written, so that a reader that
//! does not know the derived type still gets its base.

use std::fmt;

use bytes::Bytes;

use crate::encoding::{DecodeError, Decoder, END_MARK, Encapsulation, Encoder, Encoding, Value as _};

#[cfg(test)]
mod tests;

const HAS_OPTIONALS: u8 = 0x04;
const HAS_SIZE: u8 = 0x10;
const IS_LAST: u8 = 0x20;

/// Types from an exception to its base that we are ready to pass.
const SLICES_MAX: usize = 16;

/// Why an exception is none that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// By its most derived type: no slice is of a type that the reader knows, or one without a size stands before those.
    Unknown(String),
    Malformed(DecodeError),
}

impl From<DecodeError> for Undecodable {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(type_id) => write!(f, "unknown user exception {type_id}"),
            Self::Malformed(error) => write!(f, "malformed user exception: {error}"),
        }
    }
}

impl std::error::Error for Undecodable {}

/// What stands before a slice's members.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    pub type_id: &'a str,
    optionals: bool,
    /// Bytes of the members, where told.
    size: Option<usize>,
    last: bool,
}

/// Goes through the slices of one exception.
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    decoder: Decoder<'a>,
    passed: usize,
    last: bool,
    most_derived: Option<&'a str>,
}

impl<'a> Slices<'a> {
    pub fn new(exception: &'a Encapsulation) -> Result<Self, DecodeError> {
        let mut decoder = exception.decoder();
        if exception.encoding == Encoding::V1_0 {
            // Whether classes follow behind the members; without class members none do.
            bool::decode(&mut decoder)?;
        }
        Ok(Self { decoder, passed: 0, last: false, most_derived: None })
    }

    /// The head of the next slice; its members are to be read or skipped before the one after it. `Unknown` behind the last.
    pub fn next_slice(&mut self) -> Result<Slice<'a>, Undecodable> {
        if self.last || self.passed == SLICES_MAX {
            return Err(self.unknown());
        }
        self.passed += 1;
        let slice = match self.decoder.encoding() {
            Encoding::V1_1 => self.head()?,
            Encoding::V1_0 if self.decoder.remaining() == 0 => return Err(self.unknown()),
            Encoding::V1_0 => self.old_head()?,
        };
        self.last = slice.last;
        self.most_derived.get_or_insert(slice.type_id);
        Ok(slice)
    }

    fn head(&mut self) -> Result<Slice<'a>, DecodeError> {
        let flags = u8::decode(&mut self.decoder)?;
        let type_id = self.decoder.text()?;
        let size = if flags & HAS_SIZE != 0 { Some(self.size()?) } else { None };
        Ok(Slice { type_id, optionals: flags & HAS_OPTIONALS != 0, size, last: flags & IS_LAST != 0 })
    }

    fn old_head(&mut self) -> Result<Slice<'a>, DecodeError> {
        let type_id = self.decoder.text()?;
        Ok(Slice { type_id, optionals: false, size: Some(self.size()?), last: false })
    }

    /// A slice's size counts its own four bytes.
    fn size(&mut self) -> Result<usize, DecodeError> {
        let members = self.decoder.int32()?.checked_sub(4).ok_or(DecodeError::BadSize)?;
        if members > self.decoder.remaining() { Err(DecodeError::Short) } else { Ok(members) }
    }

    fn unknown(&self) -> Undecodable {
        Undecodable::Unknown(self.most_derived.unwrap_or_default().to_owned())
    }

    /// Passes over a slice of an unknown type.
    pub fn skip(&mut self, slice: Slice<'_>) -> Result<(), Undecodable> {
        let size = slice.size.ok_or_else(|| self.unknown())?;
        self.decoder.bytes(size)?;
        Ok(())
    }

    /// Reads a slice by `read`, which takes the members and the optional ones it knows.
    pub fn members<T>(
        &mut self,
        slice: Slice<'_>,
        read: impl FnOnce(&mut Members<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let (decoder, behind) = match slice.size {
            Some(size) => {
                let within = self.decoder.bytes(size)?;
                (Decoder::new(within, self.decoder.encoding()), Some(self.decoder.clone()))
            }
            None => (self.decoder.clone(), None),
        };
        let mut members = Members { decoder, optionals: slice.optionals };
        let value = read(&mut members)?;
        self.decoder = members.end(behind)?;
        Ok(value)
    }
}

/// The members of one slice.
#[derive(Debug)]
pub struct Members<'a> {
    decoder: Decoder<'a>,
    optionals: bool,
}

impl<'a> Members<'a> {
    pub fn value<T: crate::Value>(&mut self) -> Result<T, DecodeError> {
        self.decoder.value()
    }

    pub fn optional<T: crate::Value>(&mut self, tag: u32) -> Result<Option<T>, DecodeError> {
        if self.optionals { self.decoder.optional(tag) } else { Ok(None) }
    }

    /// Where the next slice begins: `behind` where sizes say so, else behind what was read.
    fn end(mut self, behind: Option<Decoder<'a>>) -> Result<Decoder<'a>, DecodeError> {
        if self.optionals {
            self.decoder.skip_optionals()?;
            if self.decoder.bytes(1)? != [END_MARK] {
                return Err(DecodeError::Leftover);
            }
        }
        Ok(behind.unwrap_or(self.decoder))
    }
}

/// One slice to be written.
#[derive(Debug, Default)]
pub struct Written {
    type_id: &'static str,
    members: Encoder,
    optionals: Encoder,
}

impl Written {
    pub fn new(type_id: &'static str) -> Self {
        Self { type_id, ..Self::default() }
    }

    pub fn member<T: crate::Value>(mut self, value: &T) -> Self {
        self.members.value(value);
        self
    }

    pub fn optional<T: crate::Value>(mut self, tag: u32, value: Option<&T>) -> Self {
        self.optionals.optional(tag, value);
        self
    }
}

/// An exception of these slices, the most derived first.
pub fn encode(slices: Vec<Written>, encoding: Encoding) -> Bytes {
    let mut encoder = Encoder::new();
    if encoding == Encoding::V1_0 {
        encoder.raw(&[0]);
    }
    let last = slices.len().saturating_sub(1);
    for (at, slice) in slices.into_iter().enumerate() {
        match encoding {
            Encoding::V1_1 => encode_slice(slice, at == last, &mut encoder),
            Encoding::V1_0 => {
                encoder.text(slice.type_id).int32(4 + slice.members.len()).raw(&slice.members.finish());
            }
        }
    }
    encoder.finish()
}

fn encode_slice(slice: Written, last: bool, encoder: &mut Encoder) {
    let mut members = slice.members;
    let mut flags = HAS_SIZE | if last { IS_LAST } else { 0 };
    if !slice.optionals.is_empty() {
        flags |= HAS_OPTIONALS;
        members.raw(&slice.optionals.finish()).raw(&[END_MARK]);
    }
    encoder.raw(&[flags]).text(slice.type_id).int32(4 + members.len()).raw(&members.finish());
}
