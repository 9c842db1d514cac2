//! Reads values one behind the other, borrowing.

use super::{DecodeError, Encoding, Value};

/// Elements of all sequences and dictionaries that one encapsulation may have. It bounds what a message of many empty strings
/// takes in memory.
const ELEMENTS_MAX: usize = 1 << 17;

#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    pub(super) rest: &'a [u8],
    pub(super) encoding: Encoding,
    elements: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { rest: bytes, encoding, elements: ELEMENTS_MAX }
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub fn value<T: Value>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// A size as it stands, not yet checked against what is left.
    pub fn size(&mut self) -> Result<usize, DecodeError> {
        match u8::from_le_bytes(self.array()?) {
            255 => self.int32(),
            small => Ok(usize::from(small)),
        }
    }

    /// A length of four bytes.
    pub(crate) fn int32(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| DecodeError::BadSize)
    }

    /// The count of a sequence or dictionary whose elements take at least `least` bytes each.
    pub fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let count = self.size()?;
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.rest.len()) {
            return Err(DecodeError::TooMany);
        }
        self.elements = self.elements.checked_sub(count).ok_or(DecodeError::TooMany)?;
        Ok(count)
    }

    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let size = self.size()?;
        std::str::from_utf8(self.bytes(size)?).map_err(|_| DecodeError::NotUtf8)
    }

    /// The end: optionals that the reader does not know are passed over, anything else is one byte too many.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        match self.encoding {
            Encoding::V1_1 => self.skip_optionals(),
            Encoding::V1_0 => Ok(()),
        }?;
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Leftover) }
    }
}
