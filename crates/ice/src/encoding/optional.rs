//! Optionals: a tag and a format, so that a reader can pass over what it does not know. Encoding 1.0 has none.

use super::{DecodeError, Decoder, Encoder, Encoding, Value};

/// Behind an exception's optional members.
pub(crate) const END_MARK: u8 = 0xff;

/// How long an optional is, told beside its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    F1 = 0,
    F2 = 1,
    F4 = 2,
    F8 = 3,
    Size = 4,
    VSize = 5,
    FSize = 6,
    Class = 7,
}

impl Format {
    const fn of(key: u8) -> Self {
        match key & 7 {
            0 => Self::F1,
            1 => Self::F2,
            2 => Self::F4,
            3 => Self::F8,
            4 => Self::Size,
            5 => Self::VSize,
            6 => Self::FSize,
            _ => Self::Class,
        }
    }
}

impl Encoder {
    /// Writes `value` under `tag` if there is one. Callers go by ascending tags.
    pub fn optional<T: Value>(&mut self, tag: u32, value: Option<&T>) -> &mut Self {
        let Some(value) = value else { return self };
        self.tag(tag, T::FORMAT);
        match T::FORMAT {
            Format::FSize => {
                let at = self.int32(0).len();
                value.encode(self);
                self.patch(at - 4, self.len() - at);
            }
            Format::VSize => {
                if let Some(size) = value.vsize() {
                    self.size(size);
                }
                value.encode(self);
            }
            Format::F1 | Format::F2 | Format::F4 | Format::F8 | Format::Size | Format::Class => value.encode(self),
        }
        self
    }

    fn tag(&mut self, tag: u32, format: Format) {
        match u8::try_from(tag) {
            Ok(small) if small < 30 => self.raw(&[(small << 3) | format as u8]),
            Ok(_) | Err(_) => self.raw(&[(30 << 3) | format as u8]).size(tag as usize),
        };
    }
}

impl Decoder<'_> {
    /// The optional under `tag`. Those below it that nobody asked for are passed over; callers go by ascending tags.
    pub fn optional<T: Value>(&mut self, tag: u32) -> Result<Option<T>, DecodeError> {
        while let Some((found, format, behind)) = self.peek_tag()? {
            if found > tag as usize {
                return Ok(None);
            }
            self.rest = &self.rest[behind..];
            if found == tag as usize {
                return self.present(format).map(Some);
            }
            self.skip(format)?;
        }
        Ok(None)
    }

    fn present<T: Value>(&mut self, format: Format) -> Result<T, DecodeError> {
        if format != T::FORMAT {
            return Err(DecodeError::BadFormat);
        }
        match format {
            Format::FSize => {
                let size = self.int32()?;
                let expected = self.rest.len().checked_sub(size).ok_or(DecodeError::Short)?;
                let value = T::decode(self)?;
                if self.rest.len() == expected { Ok(value) } else { Err(DecodeError::BadSize) }
            }
            Format::VSize if T::HAS_VSIZE => {
                let size = self.size()?;
                let expected = self.rest.len().checked_sub(size).ok_or(DecodeError::Short)?;
                let value = T::decode(self)?;
                if self.rest.len() == expected { Ok(value) } else { Err(DecodeError::BadSize) }
            }
            Format::Class => Err(DecodeError::Class),
            Format::F1 | Format::F2 | Format::F4 | Format::F8 | Format::Size | Format::VSize => T::decode(self),
        }
    }

    /// The tag and format that come next, and how many bytes they take. None at the end and at the end mark.
    fn peek_tag(&self) -> Result<Option<(usize, Format, usize)>, DecodeError> {
        let Some(&key) = self.rest.first().filter(|&&key| key != END_MARK && self.encoding == Encoding::V1_1) else { return Ok(None) };
        let mut ahead = self.clone();
        ahead.bytes(1)?;
        let tag = match usize::from(key >> 3) {
            30 => ahead.size()?,
            31 => return Err(DecodeError::BadFormat),
            small => small,
        };
        Ok(Some((tag, Format::of(key), self.rest.len() - ahead.rest.len())))
    }

    /// All that are left here, whatever their tags.
    pub(crate) fn skip_optionals(&mut self) -> Result<(), DecodeError> {
        while let Some((_, format, behind)) = self.peek_tag()? {
            self.rest = &self.rest[behind..];
            self.skip(format)?;
        }
        Ok(())
    }

    fn skip(&mut self, format: Format) -> Result<(), DecodeError> {
        let bytes = match format {
            Format::F1 => 1,
            Format::F2 => 2,
            Format::F4 => 4,
            Format::F8 => 8,
            Format::Size => return self.size().map(|_| ()),
            Format::VSize => self.size()?,
            Format::FSize => self.int32()?,
            Format::Class => return Err(DecodeError::Class),
        };
        self.bytes(bytes).map(|_| ())
    }
}
