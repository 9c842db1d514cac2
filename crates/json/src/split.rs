//! Cutting minified text into its parts. It trusts its input: everything here was checked by the scanner.

use std::borrow::Cow;

use crate::{Kind, kind, unescape, write_string};

/// The raw elements of a minified array.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    pub(crate) fn of(raw: &'a str) -> Option<Self> {
        Some(Self { rest: raw.strip_prefix('[')?.strip_suffix(']')? })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        next_part(&mut self.rest)
    }
}

/// The members of a minified object: unescaped key and raw value.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a str,
}

impl<'a> Members<'a> {
    pub(crate) fn of(raw: &'a str) -> Option<Self> {
        Some(Self { rest: raw.strip_prefix('{')?.strip_suffix('}')? })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let member = next_part(&mut self.rest)?;
        let end = string_end(member);
        Some((unescape(member.get(..end)?)?, member.get(end + 1..)?))
    }
}

/// Cuts what stands before the next comma of this level.
fn next_part<'a>(rest: &mut &'a str) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut end = rest.len();
    for (i, b) in rest.bytes().enumerate() {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                end = i;
                break;
            }
            _ => {}
        }
    }
    let part = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or("");
    Some(part)
}

/// Where the string that `text` begins with ends, behind its closing quote.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// The text of a string's checked inside.
pub(crate) fn unescape_inner(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    let mut high: Option<u32> = None;
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let unit = chars.by_ref().take(4).filter_map(|d| d.to_digit(16)).fold(0, |n, d| n * 16 + d);
                match (high.take(), unit) {
                    (None, 0xD800..=0xDBFF) => high = Some(unit),
                    (Some(high), low) => {
                        let code = 0x10000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    (None, unit) => out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

pub(crate) fn write_canonical(out: &mut String, raw: &str) {
    match kind(raw) {
        Kind::String => write_string(out, &unescape(raw).unwrap_or_default()),
        Kind::Array => {
            out.push('[');
            for (i, element) in Elements::of(raw).into_iter().flatten().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(out, element);
            }
            out.push(']');
        }
        Kind::Object => {
            let mut members: Vec<_> = Members::of(raw).into_iter().flatten().collect();
            members.sort();
            out.push('{');
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_canonical(out, value);
            }
            out.push('}');
        }
        Kind::Null | Kind::Bool | Kind::Number => out.push_str(raw),
    }
}
