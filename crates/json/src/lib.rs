//! JSON as checked text: what an app sends is kept to the letter, less the whitespace between tokens.
//!
//! It validates, minifies, splits, compares, and writes objects member by member; it deliberately builds no value tree and knows no number
//! but its spelling, so that 23-digit integers, `1e400` and key order survive (RFC 8259 grammar).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

mod object;
mod scan;
mod split;

pub use object::{Object, array};
pub use scan::{Error, Fault};
pub use split::{Elements, Members};

/// More levels of arrays and objects than this are refused.
pub const DEPTH_MAX: usize = 128;

/// One JSON value: valid, minified, without duplicate keys or lone surrogates. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Json {
    /// Checks and minifies; `bytes` must hold exactly one value.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        scan::minify(bytes).map(|text| Self(text.into()))
    }

    /// A JSON string that holds `text`.
    pub fn string(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 2);
        write_string(&mut out, text);
        Self(out.into())
    }

    pub fn null() -> Self {
        Self("null".into())
    }

    /// Takes text that this crate produced earlier (from a log, from `as_str`) without checking it again.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn kind(&self) -> Kind {
        kind(&self.0)
    }

    /// The unescaped text where this is a string.
    pub fn as_string(&self) -> Option<Cow<'_, str>> {
        unescape(&self.0)
    }

    /// The elements where this is an array, as raw text.
    pub fn elements(&self) -> Option<Elements<'_>> {
        elements(&self.0)
    }

    /// The members where this is an object: unescaped key, raw value.
    pub fn members(&self) -> Option<Members<'_>> {
        members(&self.0)
    }

    /// The raw text of the member `key` where this is an object that has it.
    pub fn member(&self, key: &str) -> Option<&str> {
        self.members()?.find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The same value with keys sorted and strings in their shortest spelling: equal for equal requests.
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        split::write_canonical(&mut out, &self.0);
        out
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a minified value.
pub fn kind(raw: &str) -> Kind {
    match raw.as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

/// The elements of a minified array.
pub fn elements(raw: &str) -> Option<Elements<'_>> {
    Elements::of(raw)
}

/// The members of a minified object.
pub fn members(raw: &str) -> Option<Members<'_>> {
    Members::of(raw)
}

/// The text of a minified JSON string; `None` where `raw` is no string.
pub fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    Some(Cow::Owned(split::unescape_inner(inner)))
}

/// Appends `text` as a JSON string, escaping only what RFC 8259 demands.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                use fmt::Write;
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The same JSON in ASCII: every char above `~` as `\uXXXX`, surrogate pairs as two: what every dialect of EIO3 text framing reads alike.
/// Outside of strings JSON is ASCII anyway, so the rule is the same everywhere.
pub fn ascii(raw: &str) -> Cow<'_, str> {
    if raw.bytes().all(|b| b <= b'~') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len() * 2);
    for c in raw.chars() {
        if c <= '~' {
            out.push(c);
            continue;
        }
        let mut units = [0u16; 2];
        for unit in c.encode_utf16(&mut units) {
            use fmt::Write;
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
