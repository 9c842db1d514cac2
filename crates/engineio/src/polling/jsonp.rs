//! JSONP (EIO3, `j`): a script that calls back with the payload, and a form that brings one.

use super::BadPayload;

/// `___eio[<index>]("<payload as a JavaScript string>");`
pub fn wrap(index: u32, payload: &str) -> Vec<u8> {
    let mut out = format!("___eio[{index}](\"");
    for c in payload.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // JSON allows them in strings, JavaScript did not.
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push_str("\");");
    out.into_bytes()
}

/// The payload of a form `d=<urlencoded>`. In it the characters `\n` mean a newline, and `\\n` the characters `\n`.
pub fn unwrap(body: &[u8]) -> Result<Vec<u8>, BadPayload> {
    let form = body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"d=")).ok_or(BadPayload)?;
    let decoded = urldecode(form)?;
    let mut payload = Vec::with_capacity(decoded.len());
    let mut rest = decoded.as_slice();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match (byte, behind) {
            (b'\\', [b'\\', b'n', left @ ..]) => {
                payload.extend_from_slice(b"\\n");
                rest = left;
            }
            (b'\\', [b'n', left @ ..]) => {
                payload.push(b'\n');
                rest = left;
            }
            _ => payload.push(*byte),
        }
    }
    Ok(payload)
}

fn urldecode(text: &[u8]) -> Result<Vec<u8>, BadPayload> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let [high, low, left @ ..] = behind else { return Err(BadPayload) };
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(BadPayload);
                out.push((digit(*high)? * 16 + digit(*low)?) as u8);
                rest = left;
            }
            byte => out.push(*byte),
        }
    }
    Ok(out)
}
