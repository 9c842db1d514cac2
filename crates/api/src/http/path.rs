//! A name in a path, and the verb behind it: `/v1/users/{uid}:disconnect`.
//!
//! A name is percent-encoded; the verb is what follows the last colon that is not.

use crate::error::Failure;

/// The last part of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub name: String,
    pub verb: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// `field` is what a refusal calls the name.
    pub(crate) fn read(path: &'a str, field: &'static str) -> Result<Self, Failure> {
        let last = path.rsplit('/').next().unwrap_or_default();
        let (name, verb) = last.rsplit_once(':').map_or((last, None), |(name, verb)| (name, Some(verb)));
        Ok(Self { name: decoded(name).ok_or_else(|| Failure::invalid(field, "is not percent-encoded UTF-8"))?, verb })
    }
}

/// A percent-encoded text; None where it is none.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
