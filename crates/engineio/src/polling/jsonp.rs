//! JSONP (EIO3, `j`): a script that calls back with the payload, and a form that brings one.

use std::fmt::Write;

use super::BadPayload;

/// `___eio[<index>]("<payload as a JavaScript string>");`
pub fn wrap(index: u32, payload: &str) -> Vec<u8> {
    let mut out = String::with_capacity(payload.len() + payload.len() / 8 + 32);
    write!(out, "___eio[{index}](\"").expect("a String takes every write");
    for c in payload.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // JSON allows the last two in strings, JavaScript did not.
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every write"),
            c => out.push(c),
        }
    }
    out.push_str("\");");
    out.into_bytes()
}

/// The payload of a form `d=<urlencoded>`.
pub fn unwrap(body: &[u8]) -> Result<Vec<u8>, BadPayload> {
    let value = body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"d=")).ok_or(BadPayload)?;
    Ok(unescape(&urldecode(value)?))
}

/// Forms change newlines, so clients escape them: the characters `\n` mean a newline, and `\\n` the characters `\n`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return out,
            [b'\\', b'\\', b'n', left @ ..] => {
                out.extend_from_slice(b"\\n");
                left
            }
            [b'\\', b'n', left @ ..] => {
                out.push(b'\n');
                left
            }
            [byte, left @ ..] => {
                out.push(*byte);
                left
            }
        };
    }
}

fn urldecode(text: &[u8]) -> Result<Vec<u8>, BadPayload> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (byte, left) = match rest {
            [] => return Ok(out),
            [b'%', high, low, left @ ..] => (hex(*high)? << 4 | hex(*low)?, left),
            [b'%', ..] => return Err(BadPayload),
            [b'+', left @ ..] => (b' ', left),
            [byte, left @ ..] => (*byte, left),
        };
        out.push(byte);
        rest = left;
    }
}

fn hex(digit: u8) -> Result<u8, BadPayload> {
    Ok(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => return Err(BadPayload),
    })
}
